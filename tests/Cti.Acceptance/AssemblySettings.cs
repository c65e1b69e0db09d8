// Real processes and real time: one at a time, so that a test's deadlines are its own.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
// The server's own platform: it is driven with signals, file modes and network namespaces.
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]
