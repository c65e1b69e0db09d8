using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Cti.Kernel;

namespace Cti.Cluster.Links;

/// <summary>
/// Two nodes prove to each other that they know the cluster's secret, and agree on keys that only this connection has.
/// <code>
///   initiator                                          acceptor
///      │ Hello(nonce, my name, my run, your name)  ───────► │
///      │ ◄───────  Hello(nonce, name, run, proof of both)   │   proof = HMAC(key of acceptors, all of both Hellos)
///      │ Proof(HMAC(key of initiators, all of both)) ─────► │
///      │ ◄═══════  Accepted, and everything after, sealed   │   keys = HKDF(secret, hash of both Hellos)
/// </code>
/// Both nonces are in every proof and in the keys, so nothing recorded on one connection is of any use on another; the proofs of the two sides have different
/// keys, so none can be reflected.
/// <para>
/// In every version a Hello begins with <c>CTI</c>, the version, a nonce and the names, each after its length. A node that is called in a version that it does
/// not speak answers with <c>CTI</c> and its own version, and nothing more: both sides then know what to log. Version and nonces are part of what is proved.
/// </para>
/// </summary>
internal sealed class LinkHandshake
{
    /// <summary>The version of everything that goes over a link, of the handshake and of the messages.</summary>
    public const int CurrentVersion = 1;

    private const int NonceBytes = 32;
    private const int ProofBytes = 32;
    private const int HeadBytes = 4;
    private static readonly byte[] Magic = "CTI"u8.ToArray();

    private readonly byte[] _root;
    private readonly int _version;
    private byte[] _first = [];
    private byte[] _second = [];

    /// <param name="secret">The cluster's.</param>
    /// <param name="version">What this node speaks.</param>
    public LinkHandshake(string secret, int version = CurrentVersion)
    {
        _root = HKDF.Extract(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret), "cti node links"u8.ToArray());
        _version = version;
    }

    /// <summary>The version in which a frame of the handshake was written; 0 where it is none.</summary>
    public static int VersionOf(ReadOnlySpan<byte> frame) => frame.Length >= HeadBytes && frame.StartsWith(Magic) ? Math.Max(0, frame[Magic.Length] - '0') : 0;

    /// <summary>What a node answers that does not speak the initiator's version.</summary>
    public byte[] OwnVersion() => [.. Magic, (byte)('0' + _version)];

    /// <summary>The initiator's first frame.</summary>
    public byte[] Begin(IRandom random, string self, string run, string peer) => _first = WriteHello(random, [self, run, peer]);

    /// <summary>Reads the initiator's first frame; null where it is none.</summary>
    public LinkHello? ReadFirst(ReadOnlySpan<byte> frame)
    {
        _first = frame.ToArray();
        return ReadHello(frame, 3, out var names, out _) ? new LinkHello(names[0], names[1], names[2]) : null;
    }

    /// <summary>The acceptor's answer.</summary>
    public byte[] Answer(IRandom random, string self, string run)
    {
        _second = WriteHello(random, [self, run]);
        return [.. _second, .. Proof("acceptor")];
    }

    /// <summary>Reads the acceptor's answer; null where it is none, or does not prove that the secret is known.</summary>
    public LinkHello? ReadAnswer(ReadOnlySpan<byte> frame)
    {
        if (!ReadHello(frame, 2, out var names, out var length) || frame.Length != length + ProofBytes) return null;
        _second = frame[..length].ToArray();
        return CryptographicOperations.FixedTimeEquals(frame[length..], Proof("acceptor")) ? new LinkHello(names[0], names[1], "") : null;
    }

    /// <summary>The initiator's proof.</summary>
    public byte[] Prove() => Proof("initiator");

    /// <summary>Whether the initiator knows the secret.</summary>
    public bool IsProof(ReadOnlySpan<byte> frame) => CryptographicOperations.FixedTimeEquals(frame, Proof("initiator"));

    /// <summary>The two directions' ciphers.</summary>
    public (LinkCipher FromInitiator, LinkCipher FromAcceptor) Ciphers() => (Cipher("initiator seals"), Cipher("acceptor seals"));

    private LinkCipher Cipher(string use) => new(Derive(use));

    private byte[] Proof(string use) => HMACSHA256.HashData(Derive(use + " proves"), (byte[])[.. _first, .. _second]);

    private byte[] Derive(string use) =>
        HKDF.Expand(HashAlgorithmName.SHA256, _root, 32, (byte[])[.. Encoding.ASCII.GetBytes(use), 0, .. SHA256.HashData((byte[])[.. _first, .. _second])]);

    private byte[] WriteHello(IRandom random, ReadOnlySpan<string> names)
    {
        var hello = new List<byte>(OwnVersion());
        var nonce = new byte[NonceBytes];
        random.Fill(nonce);
        hello.AddRange(nonce);
        foreach (var name in names)
        {
            var bytes = Encoding.UTF8.GetBytes(name);
            hello.Add(checked((byte)bytes.Length));
            hello.AddRange(bytes);
        }
        return [.. hello];
    }

    private static bool ReadHello(ReadOnlySpan<byte> frame, int count, out string[] names, out int length)
    {
        names = new string[count];
        length = HeadBytes + NonceBytes;
        if (frame.Length < length || VersionOf(frame) == 0) return false;
        for (var index = 0; index < count; index++)
        {
            if (frame.Length <= length || frame.Length - length - 1 < frame[length]) return false;
            names[index] = Encoding.UTF8.GetString(frame.Slice(length + 1, frame[length]));
            length += 1 + frame[length];
        }
        return true;
    }
}

/// <summary>Who a peer says it is.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Run">Names one run of its program.</param>
/// <param name="Called">Whom it believes to have called; "" in an answer.</param>
internal sealed record LinkHello(string Name, string Run, string Called);

/// <summary>
/// Seals or opens the frames of one direction of one connection: AES-256-GCM, the nonce is the frame's number. A frame that is changed, repeated, left out or
/// out of order does not open.
/// <code>
///   | length of what follows, 4 bytes | kind, 1 byte | sealed payload | tag, 16 bytes |      length and kind are authenticated
/// </code>
/// </summary>
internal sealed class LinkCipher(byte[] key) : IDisposable
{
    public const int HeaderBytes = 5;
    public const int TagBytes = 16;

    /// <summary>Bytes around a payload.</summary>
    public const int OverheadBytes = HeaderBytes + TagBytes;

    private readonly AesGcm _cipher = new(key, TagBytes);
    private ulong _number;

    /// <summary>The whole frame.</summary>
    public byte[] Seal(byte kind, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[payload.Length + OverheadBytes];
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length - 4);
        frame[4] = kind;
        Span<byte> nonce = stackalloc byte[12];
        NextNonce(nonce);
        _cipher.Encrypt(nonce, payload, frame.AsSpan(HeaderBytes, payload.Length), frame.AsSpan(HeaderBytes + payload.Length), frame.AsSpan(0, HeaderBytes));
        return frame;
    }

    /// <summary>The payload of a whole frame; null where it is not the next one that the peer sealed.</summary>
    public byte[]? Open(ReadOnlySpan<byte> frame, out byte kind)
    {
        kind = 0;
        if (frame.Length < OverheadBytes) return null;
        var payload = new byte[frame.Length - OverheadBytes];
        Span<byte> nonce = stackalloc byte[12];
        NextNonce(nonce);
        try
        {
            _cipher.Decrypt(nonce, frame.Slice(HeaderBytes, payload.Length), frame[^TagBytes..], payload, frame[..HeaderBytes]);
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
        kind = frame[4];
        return payload;
    }

    public void Dispose() => _cipher.Dispose();

    private void NextNonce(Span<byte> nonce)
    {
        nonce.Clear();
        BinaryPrimitives.WriteUInt64BigEndian(nonce[4..], _number++);
    }
}
