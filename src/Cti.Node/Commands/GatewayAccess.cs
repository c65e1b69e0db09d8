using System.CommandLine;

namespace Cti.Node.Commands;

/// <summary>The options of commands that talk to a running gateway, and what they amount to.</summary>
internal sealed class GatewayAccess
{
    private const string DefaultUrl = "http://127.0.0.1:8080";
    private const string DefaultKeysFile = "data/default.key";

    private readonly Option<string> _url = new("--url") { Description = "The gateway.", HelpName = "URL", DefaultValueFactory = _ => DefaultUrl };
    private readonly Option<string?> _key =
        new("--key") { Description = "The application's key. Others on this machine can see it; --keys-file does not show it.", HelpName = "KEY" };
    private readonly Option<string> _keysFile = new("--keys-file")
    {
        Description = "A file with the key in its first line, as cti.gateway.keys-file names it.",
        HelpName = "FILE", DefaultValueFactory = _ => DefaultKeysFile,
    };

    public void AddTo(Command command)
    {
        command.Add(_url);
        command.Add(_key);
        command.Add(_keysFile);
    }

    /// <exception cref="CommandException">The URL is none, or there is no key.</exception>
    public GatewayClient Connect(ParseResult result)
    {
        var text = result.GetValue(_url)!;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            throw new CommandException($"{text} is no URL of a gateway; right is e.g. {DefaultUrl}");
        return new GatewayClient(url, result.GetValue(_key) ?? ReadKey(result.GetValue(_keysFile)!));
    }

    private static string ReadKey(string file)
    {
        try
        {
            return File.ReadLines(file).FirstOrDefault()?.Trim() is { Length: > 0 } key
                ? key
                : throw new CommandException($"{file} holds no key; name another with --keys-file, or a key with --key");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"no key: {e.Message} A node without configured applications makes data/default.key where it runs; name that file with "
                + "--keys-file, or a key with --key");
        }
    }
}
