using Cti.Actors.Hosting;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Session.Mix;

namespace Cti.Actors.MediaNode;

/// <summary>A session reported something.</summary>
/// <param name="Event">What.</param>
/// <param name="Session">Which; null where the call tells itself what the media side would have.</param>
internal sealed record MediaHappened(MediaEvent Event, MediaSessionId? Session = null) : ISystemMessage;

/// <summary>A mix reported something.</summary>
/// <param name="Event">What.</param>
/// <param name="Mix">Which.</param>
internal sealed record MixHappened(MediaEvent Event, ConferenceId Mix) : ISystemMessage;

/// <summary>A session or a mix was opened for a resource.</summary>
internal sealed record Opened(HeldMedia Held) : ISystemMessage;

/// <summary>Its end is known.</summary>
internal sealed record Ended(HeldMedia Held) : ISystemMessage;

/// <summary>A resource goes to another node: what it sounds by stays here until its far ends listen to there.</summary>
/// <param name="Resource">Which.</param>
/// <param name="Held">All of it.</param>
internal sealed record Keep(ResourceId Resource, IReadOnlyList<HeldMedia> Held) : ISystemMessage;

/// <summary>The far ends of a resource listen to its new owner, or it is over there, or its new owner is lost: what is kept of it can go.</summary>
internal sealed record LetGo(ResourceId Resource) : ISystemMessage;
