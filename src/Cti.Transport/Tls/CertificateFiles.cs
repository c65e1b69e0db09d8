using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Cti.Kernel;

namespace Cti.Transport.Tls;

/// <summary>
/// What PEM files say, which are read again when one has changed: handshakes from then on use what is in them, connections that are up keep what they have.
/// Files that cannot be read leave what was read before, and the log says so.
/// </summary>
/// <typeparam name="T">What is made of them.</typeparam>
public sealed class CertificateFiles<T>
    where T : class
{
    private const long LookNanos = 1_000_000_000;

    private readonly string[] _files;
    private readonly Func<T> _read;
    private readonly IClock _clock;
    private readonly ILog _log;
    private readonly Lock _gate = new();
    private DateTime[] _written;
    private long _lookedNanos;
    private T _current;

    /// <exception cref="CertificateException">The files are not what they ought to be.</exception>
    internal CertificateFiles(string[] files, Func<T> read, IClock clock, ILog log)
    {
        (_files, _read, _clock, _log) = (files, read, clock, log);
        _written = Written();
        _lookedNanos = clock.MonotonicNanos;
        _current = Read();
    }

    /// <summary>What the files say now; they are looked at once a second at most. Any thread.</summary>
    public T Current
    {
        get
        {
            lock (_gate)
            {
                if (_clock.MonotonicNanos - _lookedNanos >= LookNanos) Look();
                return _current;
            }
        }
    }

    private void Look()
    {
        _lookedNanos = _clock.MonotonicNanos;
        var written = Written();
        if (written.AsSpan().SequenceEqual(_written)) return;
        _written = written;
        try
        {
            _current = Read();
            _log.Write(LogEvents.CertificateRead, _files[0]);
        }
        catch (CertificateException fault)
        {
            _log.Write(LogEvents.CertificateUnreadable, fault.Message);
        }
    }

    private DateTime[] Written() => [.. _files.Select(static file => File.GetLastWriteTimeUtc(file))];

    private T Read()
    {
        try
        {
            return _read();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new CertificateException($"{string.Join(" and ", _files.Distinct())}: {fault.Message}", fault);
        }
    }
}

/// <summary>Makes <see cref="CertificateFiles{T}"/>.</summary>
public static class CertificateFiles
{
    /// <summary>A certificate of this node's with its key.</summary>
    /// <param name="certificate">PEM, the certificate first, then those between it and the root.</param>
    /// <param name="key">PEM, its private key, not encrypted; may be the same file.</param>
    /// <param name="clock">Says when the files are looked at again.</param>
    /// <param name="log">Log.</param>
    /// <exception cref="CertificateException">It cannot be used; the message says why.</exception>
    public static CertificateFiles<SslStreamCertificateContext> Own(string certificate, string key, IClock clock, ILog log) =>
        new([certificate, key], () => ReadOwn(certificate, key), clock, log);

    /// <summary>Those who are trusted to say who others are.</summary>
    /// <param name="file">PEM, one or more certificates.</param>
    /// <param name="clock">Says when the file is looked at again.</param>
    /// <param name="log">Log.</param>
    /// <exception cref="CertificateException">There is none in it.</exception>
    public static CertificateFiles<X509Certificate2Collection> Trusted(string file, IClock clock, ILog log) => new([file], () => ReadAll(file), clock, log);

    private static SslStreamCertificateContext ReadOwn(string certificate, string key)
    {
        var own = X509Certificate2.CreateFromPemFile(certificate, key);
        // Offline: a handshake looks nothing up in the network.
        return SslStreamCertificateContext.Create(own, ReadAll(certificate), offline: true);
    }

    private static X509Certificate2Collection ReadAll(string file)
    {
        var all = new X509Certificate2Collection();
        all.ImportFromPemFile(file);
        if (all.Count == 0) throw new CryptographicException("no certificate is in it (-----BEGIN CERTIFICATE-----)");
        return all;
    }
}

/// <summary>Files of certificates that cannot be used.</summary>
public sealed class CertificateException : IOException
{
    /// <summary>Which file, and what is wrong with it.</summary>
    public CertificateException(string message, Exception inner) : base(message, inner)
    {
    }
}
