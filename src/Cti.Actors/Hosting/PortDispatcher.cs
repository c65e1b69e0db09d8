using Akka.Configuration;
using Akka.Dispatch;
using Cti.Kernel;

namespace Cti.Actors.Hosting;

/// <summary>Akka's dispatchers on the node's scheduler: one for all, since whatever could block has threads of its own.</summary>
internal sealed class PortDispatcherConfigurator : MessageDispatcherConfigurator
{
    private readonly PortDispatcher _dispatcher;

    public PortDispatcherConfigurator(Config config, IDispatcherPrerequisites prerequisites)
        : base(config, prerequisites) => _dispatcher = new PortDispatcher(this, ((PortScheduler)prerequisites.Scheduler).Host.Scheduler);

    public override MessageDispatcher Dispatcher() => _dispatcher;
}

/// <summary>Runs mailboxes on the node's scheduler.</summary>
internal sealed class PortDispatcher(MessageDispatcherConfigurator configurator, IScheduler scheduler) : MessageDispatcher(configurator)
{
    protected override void ExecuteTask(IRunnable run) => scheduler.Post(new Work(run));

    protected override void Shutdown()
    {
    }

    private sealed class Work(IRunnable run) : IWorkItem
    {
        public void Run() => run.Run();
    }
}
