using Cti.Contract;
using Cti.Kernel;

namespace Cti.Actors.Resources;

/// <summary>Sees to it that whoever asked has an answer, whatever becomes of the actor.</summary>
internal static class RequestGuard
{
    /// <summary>Handles a request; a crash answers it with a trace id, that the log has too, before the supervisor sees it.</summary>
    public static void Run(ILog log, IRandom random, RpcAsk ask, Action handle)
    {
        try
        {
            handle();
        }
        catch (Exception fault)
        {
            var trace = random.NextHex(8);
            log.Write(LogEvents.RequestFault, ask.Request.Method, trace, fault.Message);
            ask.ReplyTo.Reply(RpcReply.Refused(new RpcError(ErrorCodes.Internal, "a fault of the server; its log has the trace id").With("trace_id", trace)));
            throw;
        }
    }
}
