using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Cti.Node.Hocon;

/// <summary>HOCON for <see cref="IConfigurationBuilder"/>.</summary>
public static class HoconConfigurationExtensions
{
    /// <summary>Adds a HOCON file. Includes are relative to it; <c>${NAME}</c> falls back to environment variables.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="path">The file, relative to the current directory.</param>
    /// <param name="optional">Whether it may be missing.</param>
    public static IConfigurationBuilder AddHocon(this IConfigurationBuilder builder, string path, bool optional = false) =>
        builder.Add(new HoconConfigurationSource(() =>
        {
            var full = Path.GetFullPath(path);
            var document = new HoconDocument(new DiskHoconFiles(), Environment.GetEnvironmentVariable);
            return (optional && !File.Exists(full) ? document : document.AddFile(full)).Resolve();
        }));

    /// <summary>Adds values that are already resolved.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="values">The values.</param>
    public static IConfigurationBuilder AddHocon(this IConfigurationBuilder builder, HoconObject values) =>
        builder.Add(new HoconConfigurationSource(() => values));
}

/// <summary>A source of configuration in HOCON.</summary>
/// <param name="load">Reads it; a <see cref="HoconException"/> stops the build of the configuration.</param>
public sealed class HoconConfigurationSource(Func<HoconObject> load) : IConfigurationSource
{
    /// <inheritdoc/>
    public IConfigurationProvider Build(IConfigurationBuilder builder) => new HoconConfigurationProvider(load);
}

/// <summary>Flattens HOCON to keys joined by colons; a list's elements are numbered from 0.</summary>
/// <param name="load">Reads it.</param>
public sealed class HoconConfigurationProvider(Func<HoconObject> load) : ConfigurationProvider
{
    private const int KeysMax = 100_000;

    /// <inheritdoc/>
    /// <exception cref="HoconException">It cannot be read, or has more than 100 000 values.</exception>
    public override void Load()
    {
        Data = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        Flatten("", load());
    }

    private void Flatten(string path, HoconValue value)
    {
        switch (value)
        {
            case HoconObject made:
                foreach (var (key, field) in made.Fields) Flatten(Join(path, key), field);
                break;
            case HoconArray list:
                for (var i = 0; i < list.Items.Length; i++) Flatten(Join(path, i.ToString(CultureInfo.InvariantCulture)), list.Items[i]);
                break;
            case HoconScalar scalar:
                if (Data.Count >= KeysMax) throw new HoconException(value.Origin, $"more than {KeysMax} values");
                Data[path] = scalar.Kind == HoconScalarKind.Null ? null : scalar.Text;
                break;
        }
    }

    private static string Join(string path, string key) => path.Length == 0 ? key : path + ConfigurationPath.KeyDelimiter + key;
}
