using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace Cti.Media.Files;

/// <summary>The folders that one application has to itself, full paths.</summary>
/// <param name="MediaRoot">Its own prompts; null for none.</param>
/// <param name="RecordRoot">Its recordings; null: the folder of its name in the common record root.</param>
public sealed record ApplicationFolders(string? MediaRoot, string? RecordRoot);

/// <summary>
/// Which files an application may hear and where it records to:
/// <code>
///   own media root    own record root    shared media root    built-in prompts
///        read           read, write             read                read
/// </code>
/// A name is looked up in this order. The roots may lie within each other (recordings are in the shared root by default): whose a file is, the innermost
/// root tells, after <c>..</c> and links. Another application's file is missing, whether it exists or not. Reads directories: not for the media loop.
/// </summary>
public sealed class MediaFolders
{
    private readonly string _shared;
    private readonly string? _builtin;
    private readonly string _records;
    private readonly IReadOnlyDictionary<string, ApplicationFolders> _applications;
    private readonly FrozenDictionary<string, Own> _own;
    private readonly Area[] _areas;

    /// <summary>The folders of a node. They need not exist; links in their own paths are followed once, here.</summary>
    /// <param name="sharedRoot">Prompts of all applications, a full path.</param>
    /// <param name="builtin">The built-in prompts, a full path; null for none.</param>
    /// <param name="recordRoot">Where each application that has no record root of its own has a folder of its name, a full path.</param>
    /// <param name="applications">Every application that is configured, by name; null: there is one and its name does not matter.</param>
    public MediaFolders(string sharedRoot, string? builtin, string recordRoot, IReadOnlyDictionary<string, ApplicationFolders>? applications = null)
    {
        (_shared, _builtin, _records) = (sharedRoot, builtin, recordRoot);
        _applications = applications ?? FrozenDictionary<string, ApplicationFolders>.Empty;
        _own = _applications.ToFrozenDictionary(static one => one.Key, one => new Own(one.Value.MediaRoot, RecordRootOf(one.Key)));
        _areas =
        [
            new Area(MediaLibrary.RealFolder(sharedRoot), null, IsShared: true),
            new Area(MediaLibrary.RealFolder(recordRoot), null, IsShared: false),
            .. _own.SelectMany(static one => one.Value.Roots.Select(root => new Area(MediaLibrary.RealFolder(root), one.Key, IsShared: false))),
        ];
    }

    private sealed record Own(string? MediaRoot, string RecordRoot)
    {
        public IEnumerable<string> Roots => MediaRoot is null ? [RecordRoot] : [MediaRoot, RecordRoot];
    }

    /// <summary>A root and whose it is; the common record root itself is nobody's.</summary>
    private readonly record struct Area(string RealPath, string? Application, bool IsShared)
    {
        public bool Contains(string path) => MediaLibrary.IsWithin(RealPath, path);
    }

    /// <summary>Every folder that holds recordings, none of them within another.</summary>
    public IReadOnlyList<string> RecordRoots
    {
        get
        {
            var roots = _own.Values.Select(static own => own.RecordRoot).Prepend(_records).Distinct(StringComparer.Ordinal).ToList();
            return [.. roots.Where(root => !roots.Any(other => other != root && MediaLibrary.IsWithin(other, root)))];
        }
    }

    /// <summary>The roots that are not everybody's.</summary>
    public IEnumerable<string> PrivateRoots => _own.Values.SelectMany(static own => own.Roots).Prepend(_records).Distinct(StringComparer.Ordinal);

    /// <summary>Where an application's recordings go.</summary>
    public string RecordRootOf(string application) =>
        _applications.GetValueOrDefault(application)?.RecordRoot ?? Path.Join(_records, FolderOf(application));

    /// <summary>Looks a file up in all of the application's roots.</summary>
    /// <param name="application">Who asks.</param>
    /// <param name="name">A relative name, or a full path.</param>
    public Resolution Resolve(string application, string name)
    {
        var outside = ResolveOutsideBuiltin(application, name);
        if (outside.Kind == ResolutionKind.Found || _builtin is null) return outside;
        if (outside.Kind == ResolutionKind.LeavesRoot && !Path.IsPathRooted(name)) return outside;
        var builtin = MediaLibrary.Under(_builtin, name);
        return builtin.Kind == ResolutionKind.Found || outside.Kind == ResolutionKind.LeavesRoot ? builtin : outside;
    }

    /// <summary>
    /// Looks a relative name up as <see cref="Resolve(string, string)"/> does, but before the built-in prompts also in a folder of the language, there and in
    /// every root.
    /// </summary>
    public Resolution Resolve(string application, string name, string language)
    {
        if (Path.IsPathRooted(name) || ResolveOutsideBuiltin(application, name).Kind != ResolutionKind.Missing) return Resolve(application, name);
        var spoken = Resolve(application, $"{language}/{name}");
        return spoken.Kind == ResolutionKind.Found ? spoken : Resolve(application, name);
    }

    /// <summary>Where the application's recording of that name would be written; it need not exist, nor its folders.</summary>
    public Resolution ResolveForWriting(string application, string name) => MediaLibrary.Under(RecordRootOf(application), name);

    private Resolution ResolveOutsideBuiltin(string application, string name)
    {
        foreach (var root in RootsOf(application).Roots)
        {
            // Most names are in no root of the application's own: one look tells.
            if (!File.Exists(Path.IsPathRooted(name) ? name : Path.Join(root, name))) continue;
            var own = MediaLibrary.Under(root, name);
            if (own.Kind == ResolutionKind.Found) return Visible(application, own);
            if (own.Kind == ResolutionKind.LeavesRoot && !Path.IsPathRooted(name)) return own;
        }
        var shared = MediaLibrary.Under(_shared, name);
        if (shared.Kind != ResolutionKind.LeavesRoot) return Visible(application, shared);
        // A full path outside the shared root: missing where it is in any application's, else it is no media file.
        return Path.IsPathRooted(name) && MediaLibrary.RealPath(name) is { } real && (IsOwn(application, real) || _areas.Any(area => area.Contains(real)))
            ? new Resolution(ResolutionKind.Missing, real) : shared;
    }

    private Own RootsOf(string application) => _own.GetValueOrDefault(application) ?? new Own(null, RecordRootOf(application));

    private bool IsOwn(string application, string path) => RootsOf(application).Roots.Any(root => MediaLibrary.IsWithin(MediaLibrary.RealFolder(root), path));

    private Resolution Visible(string application, Resolution resolution) =>
        resolution is { Kind: ResolutionKind.Found, FullPath: { } path } && !MayHear(application, path)
            ? resolution with { Kind = ResolutionKind.Missing }
            : resolution;

    /// <summary>Whether the innermost root that a file is in is the application's or everybody's.</summary>
    private bool MayHear(string application, string path)
    {
        var depth = 0;
        var may = true;
        foreach (var area in _areas)
        {
            if (!area.Contains(path) || area.RealPath.Length < depth) continue;
            var isAllowed = area.IsShared || area.Application == application || IsFromBefore(application, area, path);
            // Two applications may be given one folder on purpose.
            may = isAllowed || (area.RealPath.Length == depth && may);
            depth = area.RealPath.Length;
        }
        return may || (!_own.ContainsKey(application) && IsOwn(application, path));
    }

    /// <summary>Before applications had folders all recordings lay in the common root itself: where there is one application, those are its own.</summary>
    private bool IsFromBefore(string application, Area area, string path) =>
        area is { IsShared: false, Application: null } && _own.Count <= 1 && (_own.Count == 0 || _own.ContainsKey(application))
            && Path.GetDirectoryName(path) == area.RealPath;

    /// <summary>The folder of a name; what an application cannot be called in the configuration has no way to a parent or another's folder either.</summary>
    private static string FolderOf(string application)
    {
        if (application.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && application.AsSpan().ContainsAnyExcept('.'))
            return application;
        var folder = new StringBuilder("%");
        foreach (var c in application)
        {
            if (char.IsAsciiLetterOrDigit(c) || c is '-' or '_') folder.Append(c);
            else folder.Append(CultureInfo.InvariantCulture, $"%{(int)c:X2}");
        }
        return folder.ToString();
    }
}
