using Cti.Media;
using Cti.Media.Session;
using Cti.Media.Session.Mix;

namespace Cti.Transport.Media;

/// <summary>A conference with its place in a loop, where it stays. What it reports passes through here to the dispatcher.</summary>
internal sealed class ConferenceSlot : IConferenceEvents, IMediaEvents
{
    private readonly ConferenceId _id;
    private readonly IConferenceEvents _receiver;
    private readonly EventDispatcher _dispatcher;

    public ConferenceSlot(ConferenceId id, ConferenceOptions options, MediaLoop loop, IConferenceEvents receiver, EventDispatcher dispatcher)
    {
        _id = id;
        _receiver = receiver;
        _dispatcher = dispatcher;
        Loop = loop;
        Application = options.Application;
        Conference = new Conference(id, options, this) { Tag = this };
    }

    public MediaLoop Loop { get; }

    /// <summary>Whose it is.</summary>
    public string Application { get; }

    public Conference Conference { get; }

    // The following belong to the loop's thread.

    /// <summary>Which of the four phases of 20 ms it, and with it every member, is ticked in.</summary>
    public int Phase { get; set; }

    /// <summary>Its index in the loop's list of that phase; -1 when it has ended.</summary>
    public int Index { get; set; } = -1;

    /// <summary>The command takes effect with the loop's next cadence.</summary>
    public void Post(in MediaCommand command) => Loop.Post(this, command);

    void IConferenceEvents.OnConferenceEvent(ConferenceId conference, MediaEvent happened) => _dispatcher.Report(default, happened, this);

    void IMediaEvents.OnMediaEvent(MediaSessionId session, MediaEvent happened) => _receiver.OnConferenceEvent(_id, happened);
}
