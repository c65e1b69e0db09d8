using System.Globalization;
using System.Text;

namespace Cti.Acceptance.Infrastructure;

/// <summary>The messages of a connection, one after the other.</summary>
internal sealed class SipStream(Stream stream)
{
    private readonly StringBuilder _buffer = new();

    public async Task SendAsync(string message) => await stream.WriteAsync(Encoding.UTF8.GetBytes(message));

    /// <summary>The next message.</summary>
    /// <exception cref="ShouldAssertException">The connection was closed.</exception>
    /// <exception cref="OperationCanceledException">None came.</exception>
    public async Task<SipText> ReadAsync()
    {
        var bytes = new byte[4096];
        using var limit = new CancellationTokenSource(Patience.Long);
        while (true)
        {
            var text = _buffer.ToString().TrimStart('\r', '\n');
            var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                var length = int.Parse(SipText.Parse(text).Header("Content-Length"), CultureInfo.InvariantCulture);
                if (text.Length >= end + 4 + length)
                {
                    _buffer.Clear().Append(text[(end + 4 + length)..]);
                    return SipText.Parse(text[..(end + 4 + length)]);
                }
            }
            var got = await stream.ReadAsync(bytes, limit.Token);
            if (got == 0) throw new ShouldAssertException("the connection was closed");
            _buffer.Append(Encoding.UTF8.GetString(bytes, 0, got));
        }
    }
}
