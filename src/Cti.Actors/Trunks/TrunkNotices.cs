using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Cti.Cluster;
using Cti.Cluster.Membership;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Actors.Trunks;

/// <summary>Something of a trunk that an operator wants to hear at once.</summary>
/// <param name="Trunk">Its name.</param>
/// <param name="Target">Which of its targets.</param>
/// <param name="State"><c>up</c>, <c>down</c>, <c>registered</c> or <c>unregistered</c>.</param>
/// <param name="Code">The SIP status that says so; 0 for none.</param>
/// <param name="Reason">The same in words.</param>
/// <param name="SinceUnixMillis">Since when.</param>
internal sealed record TrunkNews(string Trunk, string Target, string State, int Code, string Reason, long SinceUnixMillis);

/// <summary>
/// Tells what happens to trunks, of this node and of the others, to whoever listens here: at once and once. Nothing of it is kept; a node that cannot be
/// reached is not told. Any thread.
/// </summary>
internal sealed class TrunkNotices(string nodeName, Func<ClusterView> view, INodeLinks? links, ILog log) : INotices, ILinkReceiver
{
    private const byte Version = 1;

    private ImmutableArray<Listener> _listeners = [];

    /// <inheritdoc/>
    public IDisposable Listen(Action<Notice> take)
    {
        var listener = new Listener(this, take);
        ImmutableInterlocked.Update(ref _listeners, static (all, added) => all.Add(added), listener);
        return listener;
    }

    /// <summary>Something happened at this node.</summary>
    public void Tell(TrunkNews news)
    {
        var text = Write(news);
        Spread(text);
        if (links is null) return;
        byte[] message = [Version, .. text];
        foreach (var node in view().Nodes)
        {
            if (node.IsGateway && node.Name != nodeName) links.Send(node.Name, LinkChannel.Trunks, message);
        }
    }

    /// <inheritdoc/>
    public void OnMessage(string node, ReadOnlyMemory<byte> payload)
    {
        try
        {
            if (payload.IsEmpty || payload.Span[0] != Version) throw new FormatException("a version that is not spoken here");
            var text = payload[1..];
            using (JsonDocument.Parse(text))
            {
                // Only what is JSON goes on to applications, whoever sent it.
            }
            Spread(text);
        }
        catch (Exception fault) when (fault is FormatException or JsonException)
        {
            log.Write(LogEvents.LinkMessageUnknown, node, LinkChannel.Trunks, fault.Message);
        }
    }

    /// <inheritdoc/>
    public void OnConnected(string node)
    {
    }

    /// <inheritdoc/>
    public void OnBroken(string node)
    {
    }

    private void Spread(ReadOnlyMemory<byte> text)
    {
        var notice = new Notice(Catalogue.TrunkState, text);
        foreach (var listener in _listeners) listener.Take(notice);
    }

    private byte[] Write(TrunkNews news)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteString("trunk"u8, news.Trunk);
        json.WriteString("target"u8, news.Target);
        json.WriteString("state"u8, news.State);
        json.WriteNumber("code"u8, news.Code);
        json.WriteString("reason"u8, news.Reason);
        json.WriteNumber("since"u8, news.SinceUnixMillis / 1000);
        json.WriteString("node"u8, nodeName);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private sealed class Listener(TrunkNotices notices, Action<Notice> take) : IDisposable
    {
        public void Take(Notice notice) => take(notice);

        public void Dispose() => ImmutableInterlocked.Update(ref notices._listeners, static (all, gone) => all.Remove(gone), this);
    }
}
