using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Cti.Benchmarks;

/// <summary>
/// Asks a .NET process for a full garbage collection, over the socket that its runtime listens on: a trace session with the keyword GCHeapCollect begins with
/// one. Without it the heap's size says what was not yet collected, not what is held.
/// </summary>
internal static class Diagnostics
{
    private const byte TracingCommands = 2, CollectTracing2 = 3, StopTracing = 1;
    private const long HeapCollect = 0x80_0000;

    /// <summary>Collects; answers false where the process has no such socket.</summary>
    public static bool Collect(int processId)
    {
        var pattern = $"dotnet-diagnostic-{processId.ToString(CultureInfo.InvariantCulture)}-*-socket";
        if (Directory.GetFiles(Path.GetTempPath(), pattern).FirstOrDefault() is not { } path) return false;
        using var tracing = Connect(path);
        tracing.Send(Message(CollectTracing2, Session()));
        var session = ReadSession(tracing);
        // The collection is done when its heap statistics arrive; they end with the session.
        var reading = Task.Run(() => Drain(tracing));
        Thread.Sleep(500);
        using (var stopping = Connect(path))
        {
            stopping.Send(Message(StopTracing, session));
            ReadSession(stopping);
        }
        reading.Wait(TimeSpan.FromSeconds(10));
        return true;
    }

    private static Socket Connect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(path));
        return socket;
    }

    private static byte[] Session()
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        writer.Write(4); // MB of buffer
        writer.Write(1); // nettrace
        writer.Write(false); // no rundown
        writer.Write(1); // providers
        writer.Write(HeapCollect);
        writer.Write(4); // informational
        WriteText(writer, "Microsoft-Windows-DotNETRuntime");
        writer.Write(0); // no arguments
        return bytes.ToArray();
    }

    private static void WriteText(BinaryWriter writer, string text)
    {
        writer.Write(text.Length + 1);
        writer.Write(Encoding.Unicode.GetBytes(text + '\0'));
    }

    private static byte[] Message(byte command, byte[] payload)
    {
        var message = new byte[20 + payload.Length];
        "DOTNET_IPC_V1\0"u8.CopyTo(message);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(14), (ushort)message.Length);
        message[16] = TracingCommands;
        message[17] = command;
        payload.CopyTo(message, 20);
        return message;
    }

    private static byte[] ReadSession(Socket socket)
    {
        var answer = new byte[28];
        for (var read = 0; read < answer.Length;)
        {
            var count = socket.Receive(answer.AsSpan(read));
            if (count == 0) throw new IOException("the process closed its diagnostics socket");
            read += count;
        }
        return answer[20..];
    }

    private static void Drain(Socket socket)
    {
        var buffer = new byte[65536];
        while (socket.Receive(buffer) > 0)
        {
        }
    }
}
