#!/bin/sh
# Makes before_after.png: a part of the small photo enlarged three times, by bicubic interpolation and by abpn.
# Needs `abpn` and ImageMagick's `convert` on the PATH.
set -eu
cd "$(dirname "$0")"

small=../tests/data/kodim23_x3.png
# The red macaw's head, in pixels of the enlarged picture.
part=210x216+384+96

made=$(mktemp -d)
trap 'rm -r "$made"' EXIT
# Catrom is the cubic that papers call bicubic.
convert "$small" -filter Catrom -resize 300% "$made/bicubic.png"
abpn upscale "$small" -o "$made/abpn.png"

for name in bicubic abpn; do
    # Pixels are shown twice as large, so that they can be seen on a fine screen.
    convert "$made/$name.png" -crop "$part" +repage -filter Point -resize 200% \
        -background '#202020' -fill white -pointsize 22 -gravity center -size x34 label:"$name" \
        -append "$made/panel_$name.png"
done
convert "$made/panel_bicubic.png" "$made/panel_abpn.png" -background '#202020' +smush 8 -strip \
    -define png:compression-level=9 PNG24:before_after.png
