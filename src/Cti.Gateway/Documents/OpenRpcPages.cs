using Cti.Contract;

namespace Cti.Gateway.Documents;

/// <summary>
/// The answers to <c>rpc.discover</c>: one document for each generation, rendered anew only when it is asked for by another address than last.
/// </summary>
internal sealed class OpenRpcPages(string version, IStateTable states)
{
    private Page? _v1, _v2;

    internal byte[] Of(ApiGeneration generation, string server)
    {
        ref var slot = ref generation == ApiGeneration.V1 ? ref _v1 : ref _v2;
        if (Volatile.Read(ref slot) is { } known && known.Server == server) return known.Text;
        var page = new Page(server, OpenRpcDocument.Render(generation, version, server, states));
        Volatile.Write(ref slot, page);
        return page.Text;
    }

    private sealed record Page(string Server, byte[] Text);
}
