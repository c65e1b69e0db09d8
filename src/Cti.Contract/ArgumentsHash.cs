using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;

namespace Cti.Contract;

/// <summary>
/// A hash of what a request asks for, so that the same id with other content is noticed. It is over the arguments after validation:
/// by name or by position, with defaults written out or left out, in either generation, the same request has the same hash.
/// </summary>
public static class ArgumentsHash
{
    /// <summary>The first 64 bits of SHA-256 over the canonical text.</summary>
    public static ulong Compute(MethodDefinition method, RpcArguments arguments)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            writer.WriteStringValue(method.Name);
            foreach (var parameter in method.Parameters)
            {
                var value = arguments.Values.GetValueOrDefault(parameter.Name);
                // It came later: a request without it is the same to nodes of both versions, and its repeat at the other one too.
                if (value is not null || !parameter.IsByName) Write(writer, Generations.PresentOf(parameter, value));
            }
            writer.WriteEndArray();
        }
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(buffer.WrittenSpan, hash);
        return BinaryPrimitives.ReadUInt64BigEndian(hash);
    }

    private static void Write(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null: writer.WriteNullValue(); break;
            case string text: writer.WriteStringValue(text); break;
            case int number: writer.WriteNumberValue(number); break;
            case long number: writer.WriteNumberValue(number); break;
            case bool truth: writer.WriteBooleanValue(truth); break;
            case ImmutableArray<string> list:
                writer.WriteStartArray();
                foreach (var item in list) writer.WriteStringValue(item);
                writer.WriteEndArray();
                break;
            case PlayContent content:
                writer.WriteStartArray();
                foreach (var element in content.Elements)
                {
                    writer.WriteNumberValue(element.Type);
                    writer.WriteStringValue(element.Text);
                    writer.WriteStringValue(element.Options);
                }
                writer.WriteEndArray();
                break;
            default: throw new InvalidOperationException($"arguments hold no {value.GetType()}");
        }
    }
}
