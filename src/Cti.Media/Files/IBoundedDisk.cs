namespace Cti.Media.Files;

/// <summary>Asks the disk something on a thread that may be given up, so that who asks waits no longer than a bound.</summary>
public interface IBoundedDisk
{
    /// <summary>Waits for the answer; any thread.</summary>
    /// <param name="application">Whose file it is about.</param>
    /// <param name="file">Its name.</param>
    /// <param name="ask">Asks; where it throws an <see cref="IOException"/> or is not permitted the answer is <paramref name="silent"/>.</param>
    /// <param name="silent">What to answer where the disk does not.</param>
    /// <param name="limitMillis">How long to wait; what was asked may be answered later, to nobody.</param>
    T Ask<T>(string application, string file, Func<T> ask, T silent, int limitMillis);

    /// <summary>Looks through folders on a thread of its own: who begins it waits for nothing, nor does anything else that is asked of a disk.</summary>
    /// <param name="look">
    /// Is given what tells whether to go on, to be asked often: no longer once the time for it is over, or the node stops. Throws nothing.
    /// </param>
    void BeginLook(Action<Func<bool>> look);
}
