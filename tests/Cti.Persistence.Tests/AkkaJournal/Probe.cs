using System.Threading.Channels;
using Akka.Actor;

namespace Cti.Persistence.Tests.AkkaJournal;

/// <summary>An actor that a test is: it keeps what it is told until the test asks.</summary>
internal sealed class Probe
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Channel<object> _told = Channel.CreateUnbounded<object>();

    public Probe(ActorSystem system) => Ref = system.ActorOf(Props.Create(() => new Listener(_told.Writer)));

    public IActorRef Ref { get; }

    public async Task<object> NextAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        return await _told.Reader.ReadAsync(limit.Token);
    }

    public async Task<T> ExpectAsync<T>() => (await NextAsync()).ShouldBeOfType<T>();

    public async Task<List<T>> ExpectAsync<T>(int count)
    {
        var told = new List<T>(count);
        while (told.Count < count) told.Add(await ExpectAsync<T>());
        return told;
    }

    /// <summary>Whether such a thing is among what was told so far, which is forgotten.</summary>
    public bool Has<T>()
    {
        var found = false;
        while (_told.Reader.TryRead(out var told)) found |= told is T;
        return found;
    }

    private sealed class Listener(ChannelWriter<object> told) : ActorBase
    {
        protected override bool Receive(object message) => told.TryWrite(message);
    }
}
