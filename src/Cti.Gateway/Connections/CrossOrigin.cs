using Microsoft.AspNetCore.Http;

namespace Cti.Gateway.Connections;

/// <summary>
/// Lets pages of any origin use the API from a browser (WHATWG Fetch, section 3.2): a key is needed for everything, and a browser never adds one by itself
/// as it does cookies, so an origin tells nothing about rights.
/// </summary>
internal static class CrossOrigin
{
    private const string DaySeconds = "86400";

    /// <summary>Marks the answer as readable, whatever it will be: also a refusal is for the page to see.</summary>
    internal static void Allow(HttpContext context)
    {
        if (context.Request.Headers.Origin.Count == 0) return;
        context.Response.Headers.AccessControlAllowOrigin = "*";
        context.Response.Headers.AccessControlExposeHeaders = "Retry-After";
    }

    /// <summary>Answers OPTIONS, to which a browser gives no key.</summary>
    internal static Task AnswerPreflight(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        context.Response.Headers.Allow = "GET, POST, OPTIONS";
        if (context.Request.Headers.Origin.Count == 0) return Task.CompletedTask;
        context.Response.Headers.AccessControlAllowMethods = "GET, POST";
        context.Response.Headers.AccessControlAllowHeaders = "Authorization, Content-Type, Last-Event-ID, Cache-Control";
        context.Response.Headers.AccessControlMaxAge = DaySeconds;
        return Task.CompletedTask;
    }
}
