using Cti.Persistence.Memory;
using Cti.Testing;
using Cti.Testing.Peers;

namespace Cti.Simulation;

/// <summary>What must be true when everything has come to its end, of the books, the disk, the application and the telephones.</summary>
internal sealed class FinalChecks(VirtualWorld world)
{
    private static readonly (string Method, string Completion)[] StartMethods =
    [
        ("sys.call.play_start", "sys.call.on_play_completed"), ("sys.call.record_start", "sys.call.on_record_completed"),
        ("sys.call.send_dtmf_start", "sys.call.on_send_dtmf_completed"), ("sys.call.receive_dtmf_start", "sys.call.on_receive_dtmf_completed"),
        ("sys.call.connect_start", CallBook.Connected), ("sys.call.conf_enter", CallBook.LeftConference),
        ("sys.call.refer", CallBook.Transferred),
    ];

    /// <summary>Everything that does not ask a node.</summary>
    public void Check()
    {
        CheckDisk();
        foreach (var phone in world.Phones)
        {
            foreach (var violation in phone.Violations) world.Fail($"telephone {phone.Local}: {violation}");
        }
        foreach (var call in world.Phones.SelectMany(phone => phone.Calls)) CheckAgreement(call);
        foreach (var book in world.Ledger.Calls.Where(static book => book.State.Owner is null)) CheckStarts(book);
    }

    /// <summary>Who says that it has left a conference was told by the conference to have left.</summary>
    public void CheckLeavers()
    {
        var exits = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (call, times) in world.Ledger.All.OfType<ConferenceBook>().SelectMany(static book => book.Exits))
            exits[call] = exits.GetValueOrDefault(call) + times;
        foreach (var call in world.Ledger.Calls)
        {
            var left = call.Count(CallBook.LeftConference);
            if (left > exits.GetValueOrDefault(call.Id))
                world.Fail($"{call.Id} left conferences {left} times, they tell of {exits.GetValueOrDefault(call.Id)}");
        }
    }

    /// <summary>What has not come to its end.</summary>
    public void SayWhatIsLeft()
    {
        foreach (var book in world.Ledger.Living) world.Fail($"{book.Id} never ends: "
            + $"{(book is CallBook call ? $"{call.State.Direction} {call.State.Phase} closing {call.State.Closing}, {call.State.SipCallId}" : book.Resource)}");
        foreach (var request in world.Application.Requests.Where(request => request.Outstanding > 0))
            world.Fail($"{request.Method} {request.Resource} is never answered");
        foreach (var call in world.Phones.SelectMany(phone => phone.Calls).Where(call => call.Phase != PeerPhase.Ended))
        {
            var books = string.Join(", ", world.Ledger.FindBySipCallId(call.CallId).Select(book => $"{book.Id} {book.State.Phase}"));
            world.Fail($"a telephone stays in its call {call.CallId}, {call.Phase}; the node's: {books}");
        }
        if (!world.Group.HasSeenAll) world.Fail($"the group of consumers has not seen all: {world.Group.Describe()}");
        foreach (var book in world.Ledger.All)
        {
            var seen = world.Application.SeenOf(book.Id);
            if (seen != book.Events.Count) world.Fail($"{book.Id}: the application has seen {seen} of {book.Events.Count} events");
        }
    }

    /// <summary>Whether the far ends, the application and the books have come to their end.</summary>
    public bool IsSettled => world.Application.Unanswered == 0 && world.Phones.All(phone => phone.Active == 0)
        && world.Group.HasSeenAll && world.Ledger.All.All(book => book.IsGone && world.Application.SeenOf(book.Id) == book.Events.Count);

    private void CheckDisk()
    {
        var store = new MemoryJournalStore(world.Disk);
        store.OpenAsync(world.Plan.Instances).AsTask().Wait();
        // Permits without a call are swept after a minute, for which a cluster does not wait here.
        if (world.MovesInstances) store.SweepAsync(0, 0, long.MaxValue).AsTask().Wait();
        for (var instance = 0; instance < world.Plan.Instances; instance++)
            Expect(0, store.ReadJournalAsync(instance).AsTask().Result.Count, $"entries left in the journal of instance {instance}");
        foreach (var (trunk, used) in store.ReadPermitsInUseAsync().AsTask().Result) Expect(0, used, $"permits of {trunk}");
    }

    /// <summary>Both ends tell the same story.</summary>
    private void CheckAgreement(PeerCall phone)
    {
        var books = world.Ledger.FindBySipCallId(phone.CallId);
        foreach (var book in books)
        {
            if (book.WasConfirmed && !phone.WasUp) world.Fail($"{book.Id}: its ACK was seen, the telephone was never up");
            if (book.WasDialAnswered && phone.FinalStatus != 200) world.Fail($"{book.Id}: answered, but the telephone said {phone.FinalStatus}");
        }
        if (books.Count > 1 && !world.HasCrashed) world.Fail($"one INVITE made {string.Join(", ", books.Select(book => book.Id))}");
        if (phone is { IsCaller: true, FinalStatus: 200 } && !books.Any(book => book.WasAnswerRequested))
            world.Fail($"{phone.CallId}: the telephone was answered, nobody asked for it");
    }

    private void CheckStarts(CallBook book)
    {
        foreach (var (method, completion) in StartMethods)
        {
            var sent = world.Application.Requests.Where(request => request.Method == method && request.Resource == book.Id).ToList();
            var accepted = sent.Count(request => request.Result is not null);
            var started = book.StartsOf(completion);
            if (started < accepted || started > sent.Count) world.Fail($"{book.Id}: {accepted} of {sent.Count} {method} accepted, {started} started");
        }
    }

    private void Expect(int expected, int actual, string what)
    {
        if (expected != actual) world.Fail($"{actual} {what}, not {expected}");
    }
}
