namespace Cti.Kernel;

/// <summary>Asks hosts whether a program listens at an address.</summary>
public interface IPortProbe
{
    /// <summary>Tries to connect, and closes again at once. Never throws and never blocks.</summary>
    /// <param name="address">host:port.</param>
    /// <param name="done">Told, on any thread and after this call, whether the host has said that nobody listens there; false for any other outcome.</param>
    void Probe(string address, Action<bool> done);
}
