using Cti.Node.Hocon;

namespace Cti.Node.Tests.Hocon;

/// <summary>Files by name; a relative name stands beside the including file.</summary>
internal sealed class MemoryFiles(params (string Path, string Text)[] files) : IHoconFiles
{
    private readonly Dictionary<string, string> _files = files.ToDictionary(f => f.Path, f => f.Text);

    public string Resolve(string from, string name) =>
        name.StartsWith('/') || from.LastIndexOf('/') < 0 ? name : from[..(from.LastIndexOf('/') + 1)] + name;

    public string? Read(string path) => _files.GetValueOrDefault(path);
}
