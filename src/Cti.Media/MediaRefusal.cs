using System.Net;
using Cti.Media.Session.Mix;

namespace Cti.Media;

/// <summary>Why a media session or conference is not opened.</summary>
public enum MediaRefusal
{
    /// <summary>It is opened.</summary>
    None,
    /// <summary>The node has no media address of that family.</summary>
    NoAddress,
    /// <summary>No port pair is free, or it cannot be bound.</summary>
    NoPort,
    /// <summary>The part of the process's open files that calls have is used up.</summary>
    NoDescriptor,
    /// <summary>Every loop has as many as it may.</summary>
    Full,
    /// <summary>The media loops work more than their budget themselves.</summary>
    OwnWork,
    /// <summary>The media loops have time, but do not get the processors when they need them: calls that are up are harmed already.</summary>
    Lateness,
    /// <summary>More commands wait for the media loops than they should.</summary>
    Backlog,
}

/// <summary>What is said about a refusal.</summary>
public static class MediaRefusals
{
    /// <summary>For errors, SIP reasons and logs: a phrase without quotes or line ends.</summary>
    public static string Text(this MediaRefusal refusal) => refusal switch
    {
        MediaRefusal.NoAddress => "no media address of that family",
        MediaRefusal.NoPort => "no free media port",
        MediaRefusal.NoDescriptor => "the calls' part of the process's open files is used up",
        MediaRefusal.Full => "media loops have all the sessions they may",
        MediaRefusal.OwnWork => "media loops are over their own budget of processor time",
        MediaRefusal.Lateness => "media loops run late on a busy machine",
        MediaRefusal.Backlog => "media loops are behind with their commands",
        _ => "",
    };

    /// <summary>Opens a session, whatever the reason when it is not.</summary>
    public static IPEndPoint? TryOpen(this IMediaPort port, MediaSessionId session, MediaSessionOptions options, IMediaEvents events) =>
        port.TryOpen(session, options, events, out _);

    /// <summary>Opens a conference, whatever the reason when it is not.</summary>
    public static bool OpenConference(this IMediaPort port, ConferenceId conference, ConferenceOptions options, IConferenceEvents events) =>
        port.OpenConference(conference, options, events, out _);
}
