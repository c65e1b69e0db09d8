using System.Collections.Immutable;
using Cti.Media.Codecs;
using Cti.Media.Files;

namespace Cti.Media.Session;

/// <summary>
/// A place in a list of prompts that is played frame by frame. A frame runs over from one piece into the next and from the last into the first
/// of the next turn, so there is no gap and no padding between them; only the very last one is filled up with silence.
/// </summary>
internal sealed class PlayCursor
{
    private ImmutableArray<Prompt> _prompts = [];
    private int _turnsLeft;
    private int _piece;
    private int _position;

    /// <summary>True while there is something left to play.</summary>
    public bool IsActive { get; private set; }

    /// <summary>Begins a play at its offset; nothing is left at once where the offset is behind the end, or there is no sound at all.</summary>
    public void Start(PlayList list)
    {
        _prompts = list.Prompts;
        _turnsLeft = list.Repeat;
        _piece = 0;
        _position = 0;
        long total = 0;
        foreach (var prompt in _prompts) total += prompt.Samples;
        IsActive = total > 0;
        if (IsActive) Skip(list.OffsetMillis * Audio.MillisSamples, total);
    }

    /// <summary>Stops and lets go of the prompts.</summary>
    public void Stop()
    {
        IsActive = false;
        _prompts = [];
    }

    /// <summary>Takes the next frame. Afterwards <see cref="IsActive"/> is false when that was the last one.</summary>
    public void Take(Outgoing sound)
    {
        if (sound.Codec.IsTable())
        {
            Take(sound.Codes, sound.Codec);
            sound.PutCodes();
            return;
        }
        Span<short> frame = stackalloc short[Audio.FrameSamples];
        Take(frame);
        sound.Put(frame);
    }

    /// <summary>The same as codes of a law.</summary>
    private void Take(Span<byte> frame, AudioCodec codec)
    {
        while (!frame.IsEmpty)
        {
            if (!IsActive)
            {
                frame.Fill(G711.Silence(codec));
                return;
            }
            var codes = _prompts[_piece].Codes(codec)[_position..];
            var count = Math.Min(codes.Length, frame.Length);
            codes[..count].CopyTo(frame);
            frame = frame[count..];
            _position += count;
            Normalise();
        }
    }

    /// <summary>The same as linear sound.</summary>
    public void Take(Span<short> frame)
    {
        while (!frame.IsEmpty)
        {
            if (!IsActive)
            {
                frame.Clear();
                return;
            }
            var count = Math.Min(_prompts[_piece].Samples - _position, frame.Length);
            _prompts[_piece].CopyLinear(_position, frame[..count]);
            frame = frame[count..];
            _position += count;
            Normalise();
        }
    }

    private void Skip(long samples, long total)
    {
        var turns = samples / total;
        if (_turnsLeft >= 0)
        {
            if (turns > _turnsLeft)
            {
                Stop();
                return;
            }
            _turnsLeft -= (int)turns;
        }
        samples %= total;
        while (samples >= _prompts[_piece].Samples) samples -= _prompts[_piece++].Samples;
        _position = (int)samples;
        Normalise();
    }

    /// <summary>Steps over ends of pieces and turns.</summary>
    private void Normalise()
    {
        while (_position >= _prompts[_piece].Samples)
        {
            _position = 0;
            if (++_piece < _prompts.Length) continue;
            _piece = 0;
            if (_turnsLeft == 0)
            {
                Stop();
                return;
            }
            if (_turnsLeft > 0) _turnsLeft--;
        }
    }
}
