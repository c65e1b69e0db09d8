using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Cti.Calls.Call;
using Cti.Kernel;

namespace Cti.Actors.Resources;

/// <summary>
/// A BYE that was answered, as a line of the spool: <c>1 bye MILLIS CAUSE RESOURCE SUM</c>. The first number is the version; CAUSE is <c>-</c> where the BYE
/// named none; SUM tells a whole line from a torn one.
/// </summary>
/// <param name="Call">The call's resource id.</param>
/// <param name="Bye">What its far end said, and when.</param>
internal sealed record ByeRecord(string Call, ByeArrived Bye)
{
    private const string Version = "1", Kind = "bye";
    private const int SumBytes = 4;

    /// <summary>The longest line, in bytes; resource ids have at most 100 characters.</summary>
    public const int BytesMax = 200;

    public long AtMillis => Bye.AtMillis ?? 0;

    public string ToLine()
    {
        var body = string.Create(CultureInfo.InvariantCulture,
            $"{Version} {Kind} {AtMillis} {Bye.ReasonCause?.ToString(CultureInfo.InvariantCulture) ?? "-"} {Call}");
        return $"{body} {SumOf(body)}\n";
    }

    /// <summary>Reads a line, without its end.</summary>
    /// <param name="line">The line.</param>
    /// <param name="flaw">Why it is none; "" where it is one.</param>
    public static ByeRecord? TryRead(string line, out string flaw)
    {
        flaw = "";
        var parts = line.Split(' ');
        if (parts[^1] != SumOf(line[..Math.Max(0, line.LastIndexOf(' '))])) flaw = "it is damaged";
        else if (parts[0] != Version) flaw = "another version of the program wrote it";
        else if (parts is [_, Kind, var at, var cause, var call, _] && long.TryParse(at, NumberStyles.None, CultureInfo.InvariantCulture, out var millis)
            && ResourceId.TryParse(call, out _) && TryReadCause(cause, out var reason)) return new ByeRecord(call,
                new ByeArrived(reason) { AtMillis = millis });
        else flaw = "it makes no sense";
        return null;
    }

    private static bool TryReadCause(string text, out int? cause)
    {
        cause = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        return cause is not null || text == "-";
    }

    private static string SumOf(string body) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body)).AsSpan(0, SumBytes));
}
