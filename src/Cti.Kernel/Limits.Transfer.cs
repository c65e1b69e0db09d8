namespace Cti.Kernel;

public static partial class Limits
{
    /// <summary>
    /// How long an application may take to accept or refuse a REFER, in milliseconds: a quarter of what the far end waits for its answer (64 T1), and longer
    /// than a fail-over.
    /// </summary>
    public const int ReferAnswerMillis = 8_000;
    /// <summary>How long another call is asked which dialog it has, in milliseconds: longer than a fail-over.</summary>
    public const int ReferLookMillis = 5_000;
    /// <summary>How long a REFER of ours may be without an answer and without a report, in milliseconds: more than its transaction lasts (64 T1).</summary>
    public const int ReferUnansweredMillis = 40_000;
    /// <summary>How long the first report of an accepted REFER is waited for, in milliseconds: timer N of RFC 6665 section 4.1.2.4, 64 T1.</summary>
    public const int ReferFirstReportMillis = 32_000;
    /// <summary>How long a transfer may take, in milliseconds: longer than any telephone rings (timer C is 180 s).</summary>
    public const int ReferMillisMax = 300_000;
    /// <summary>Changes of a transfer's progress that are told: more than a call has that is forwarded from telephone to telephone.</summary>
    public const int ReferReportsMax = 32;
    /// <summary>Characters of a Replaces value: three times the longest Call-ID and tags seen.</summary>
    public const int ReplacesCharsMax = 768;
    /// <summary>Bytes of a report that are read: the status line and the header fields of a response.</summary>
    public const int SipFragmentBytesMax = 4_096;
}
