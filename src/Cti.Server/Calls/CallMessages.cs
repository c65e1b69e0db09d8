using Cti.Actors;
using Cti.Calls.Api;
using Cti.Calls.Call;
using Cti.Kernel;
using Cti.Media;
using Cti.Server.Routing;

namespace Cti.Server.Calls;

/// <summary>A request on its way through the actors, with where its answer goes.</summary>
/// <param name="Request">The request.</param>
/// <param name="RecordPath">The resolved path of <c>record_start</c>'s file.</param>
/// <param name="ReplyTo">Given the answer, once.</param>
internal sealed record CallAsk(RpcRequest Request, string? RecordPath, IReplyTo ReplyTo);

/// <summary>Entries up to a position are durable.</summary>
internal sealed record BecameDurable(long Position) : ISystemMessage;

/// <summary>The instance was taken over by another node.</summary>
internal sealed record WasDeposed : ISystemMessage;

/// <summary>The media side reported something.</summary>
internal sealed record MediaHappened(MediaEvent Event) : ISystemMessage;

/// <summary>The armed deadline came.</summary>
internal sealed record DeadlineCame;

/// <summary>Looks whether the application of an offered call still listens.</summary>
internal sealed record CheckSubscriber;

/// <summary>Decides on a command that comes from the node itself.</summary>
internal sealed record Decide(CallCommand Command) : ISystemMessage;

/// <summary>The first message of an outbound call.</summary>
internal sealed record PlaceCall(CallAsk Ask, Placement Placement);

/// <summary>The first message of a call that the journal showed alive at start.</summary>
internal sealed record RecoverCall : ISystemMessage;
