// Real processes and real time: one at a time, so that a test's deadlines are its own.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
