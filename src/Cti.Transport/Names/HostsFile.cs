using System.Net;

namespace Cti.Transport.Names;

/// <summary>A file of addresses and names, as systems have one; it is read anew when it has changed. Any thread.</summary>
internal sealed class HostsFile(string path)
{
    /// <summary>Where systems have it; elsewhere there is none.</summary>
    public const string SystemPath = "/etc/hosts";

    private const int BytesMax = 1 << 20;
    private readonly Lock _gate = new();
    private DateTime _writtenAt;
    private Dictionary<string, List<IPAddress>> _names = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The addresses of a name, in the order of the file; none where it is not there.</summary>
    public IReadOnlyList<IPAddress> Find(string name)
    {
        lock (_gate)
        {
            ReadAgain();
            return _names.GetValueOrDefault(name) ?? (IReadOnlyList<IPAddress>)[];
        }
    }

    private void ReadAgain()
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists || file.Length > BytesMax || file.LastWriteTimeUtc == _writtenAt) return;
            _writtenAt = file.LastWriteTimeUtc;
            var names = new Dictionary<string, List<IPAddress>>(StringComparer.OrdinalIgnoreCase);
            foreach (var line in File.ReadLines(path))
            {
                var words = line.Split('#')[0].Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
                if (words.Length < 2 || !IPAddress.TryParse(words[0], out var address)) continue;
                foreach (var name in words.Skip(1))
                {
                    if (!names.TryGetValue(name, out var addresses)) names.Add(name, addresses = []);
                    addresses.Add(address);
                }
            }
            _names = names;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // What was read before holds.
        }
    }
}
