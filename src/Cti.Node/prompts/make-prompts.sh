#!/bin/sh
# Makes the built-in prompts anew (needs espeak-ng and sox). Operators may replace any file by a recording of the same name.
# "./make-prompts.sh sentences" or "./make-prompts.sh pieces" makes only those; without an argument all.
set -eu
cd "$(dirname "$0")"
raw=$(mktemp --suffix=.wav)
trap 'rm -f "$raw"' EXIT
mkdir -p en-US zh-CN

# A sentence of its own, with the pause that a speaker makes after it.
sentence() {
    espeak-ng -v en-us -s 150 -w "$raw" "$2"
    sox "$raw" -t wav -r 8000 -c 1 -e a-law "en-US/$1.wav" silence 1 0.01 0.3% reverse silence 1 0.01 0.3% reverse gain -n -4 pad 0.02 0.08
}

# A piece of a longer utterance. Equally loud, silence trimmed, ends faded within 4 ms so that a join cannot click, and 30 ms of true silence
# in all: the contract allows 40 ms between two pieces. No dither, so that silence is A-law's one code for it.
piece() {
    sox -D "$raw" -t wav -r 8000 -c 1 -e a-law "$1" \
        gain -n -4 silence 1 0.005 0.5% reverse silence 1 0.005 0.5% fade h 0.004 reverse fade h 0.004 pad 0.01 0.02
}
en() {
    espeak-ng -v en-us -s 150 -w "$raw" "$2"
    piece "en-US/$1.wav"
}
# The voice "cmn" of espeak-ng 1.51 reads most single characters as English spellings of their pinyin; "cmn-latn-pinyin" reads characters
# and pinyin alike in Mandarin.
zh() {
    espeak-ng -v cmn-latn-pinyin -s 150 -w "$raw" "$2"
    piece "zh-CN/$1.wav"
}

make_sentences() {
    sentence demo-welcome "Welcome. This is C T I actors. Press some keys, and then the pound key."
    sentence demo-menu "Or press one alone for a conference, two for the time and date, three to be called back."
    sentence demo-conference "You are entering the conference. Hang up to leave it."
    sentence demo-joined "Someone has joined."
    sentence demo-it-is "It is now"
    sentence demo-call-back "Hang up now, and I shall call you back."
    sentence demo-no-call-back "Your telephone gives no address that I may call back."
    sentence demo-you-pressed "You pressed"
    sentence demo-no-keys "No keys were pressed."
    sentence demo-record "Now say something after the tone. Press pound when you are done."
    sentence demo-you-said "You said"
    sentence demo-goodbye "Thank you. Goodbye."
}

make_pieces_en() {
    en digit-star star; en digit-pound pound
    en digit-A A; en digit-B B; en digit-C C; en digit-D D
    number=0
    for word in zero one two three four five six seven eight nine; do en "digit-$number" $word; number=$((number + 1)); done
    for word in ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen \
        twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion quadrillion \
        minus point and at \
        first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth \
        seventeenth eighteenth nineteenth twentieth thirtieth \
        January February March April May June July August September October November December; do
        en "$(echo "$word" | tr A-Z a-z)" "$word"
    done
    # The ordinal "second" has its own name beside the unit.
    mv en-US/second.wav en-US/second-ordinal.wav
    for word in hour hours minute minutes second seconds; do en "$word" "$word"; done
    en oh oh; en o-clock "o'clock"; en am "a.m."; en pm "p.m."
    # Said in phonemes: espeak-ng reads jiao as four letters and fen as the marsh.
    en yuan "[[ju:'A:n]]"; en jiao "[[dZj'aU]]"; en fen "[[f'Vn]]"
}

make_pieces_zh() {
    number=0
    for word in 零 一 二 三 四 五 六 七 八 九; do zh "digit-$number" $word; number=$((number + 1)); done
    zh two-counting 两
    zh ten 十; zh hundred 百; zh thousand 千; zh ten-thousand 万; zh hundred-million 亿
    zh minus 负; zh point 点
    zh yuan 元; zh jiao 角; zh fen 分; zh exactly 整
    zh year 年; zh month 月; zh day 日
    zh o-clock 点; zh minute 分; zh second 秒
    # As one word each: two characters are read with a pause between them.
    zh hours xiao3shi2; zh minutes fen1zhong1
}

case "${1:-all}" in
    sentences) make_sentences ;;
    pieces) make_pieces_en; make_pieces_zh ;;
    all) make_sentences; make_pieces_en; make_pieces_zh ;;
    *) echo "usage: make-prompts.sh [sentences|pieces]" >&2; exit 2 ;;
esac
