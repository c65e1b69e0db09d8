#!/bin/sh
# Makes the built-in prompts anew (needs espeak-ng and sox). Operators may replace any file by a recording of the same name.
set -eu
cd "$(dirname "$0")"
say() {
    espeak-ng -v en-us -s 150 -w /tmp/cti-prompt-$$.wav "$2"
    sox /tmp/cti-prompt-$$.wav -t wav -r 8000 -c 1 -e a-law "en-US/$1.wav" silence 1 0.01 0.3% reverse silence 1 0.01 0.3% reverse gain -n -4 pad 0.02 0.08
    rm -f /tmp/cti-prompt-$$.wav
}
say demo-welcome "Welcome. This is C T I actors. Press some keys, and then the pound key."
say demo-you-pressed "You pressed"
say demo-no-keys "No keys were pressed."
say demo-record "Now say something after the tone. Press pound when you are done."
say demo-you-said "You said"
say demo-goodbye "Thank you. Goodbye."
say digit-0 zero; say digit-1 one; say digit-2 two; say digit-3 three; say digit-4 four
say digit-5 five; say digit-6 six; say digit-7 seven; say digit-8 eight; say digit-9 nine
say digit-star star; say digit-pound pound
say digit-A A; say digit-B B; say digit-C C; say digit-D D
