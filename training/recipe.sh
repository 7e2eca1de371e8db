#!/usr/bin/env bash
# Every command that made the nets of weights/, in order; run in a folder that holds the photos of weights/README.md:
#   photos/COLLECTION  a folder of each collection, in the order of the table there
#   TRAIN, HELD        the same photos as COLLECTION-NAME: every 16th of all in HELD, the others in TRAIN
# It takes days on two cores. Each run may be stopped; go on with `abpn_training train --resume RUN`. Runs were ended, and
# decays begun, at the steps that are named here.
set -euo pipefail

# ---- Small pictures

HR=(photos/*)
for folder in "${HR[@]}"; do abpn degrade "$folder" -o "photos-LR/${folder#photos/}"; done
LR=(photos-LR/*)
abpn degrade TRAIN -o HALF --scale 2
for scale in 2 3 4; do
    for folder in TRAIN HALF HELD; do abpn degrade $folder -o "$folder-x$scale" --scale $scale; done
done
for range in light strong; do
    for scale in 2 3 4; do
        # Of x3, which was trained longest, twice as many versions.
        if [ $scale = 3 ]; then whole=4 half=2 held=2; else whole=2 half=1 held=1; fi
        abpn_training degrade "HELD-x$scale" -o "HELD-x$scale-$range" --range $range --versions $held
        abpn_training degrade "TRAIN-x$scale" -o "TRAIN-x$scale-$range" --range $range --versions $whole
        abpn_training degrade "HALF-x$scale" -o "HALF-x$scale-$range" --range $range --versions $half --seed 1
    done
done
# The folders to train and measure on, of a scale and "", -light or -strong.
data() { echo --hr TRAIN HALF --lr "TRAIN-x$1$2" "HALF-x$1$2" --val-hr HELD --val-lr "HELD-x$1$2"; }

# What the runs share.
soap=(--border zeros --schedule wsd --optimizer soap --bias-rate 0.1 --beta2 0.99)
mirror=(--border mirror --schedule wsd --optimizer soap --rate 1e-3 --bias-rate 0.1 --beta2 0.99 --batch 16 --bf16
    --loss psnr --recolour 0.5 --threads 1)

# ---- x3, zero padding: where all nets began

# 17,000 steps at a constant rate (the first 2,500 on one thread), then 8,000 in which it goes to zero
abpn_training train -o x3 "${soap[@]}" --decay-steps 0 --steps 1000000 --rate 1e-3 --warmup 200 --batch 8 --hardest-of 2 \
    --same-every 10 --ema 0.999 --threads 2 --keep-every 1000 --hr "${HR[@]}" --lr "${LR[@]}"
abpn_training train -o x3-decay --decay-from x3/step-00017000.pt --decay-steps 8000 --loss l2
abpn_training export x3-decay -o x3_first.safetensors
# 41,000 steps with four times as many patches
abpn_training train -o x3-large --init x3_first.safetensors "${soap[@]}" --decay-steps 0 --steps 1000000 --rate 1e-3 \
    --warmup 300 --batch 32 --bf16 --hardest-of 2 --same-every 10 --ema 0.9995 --threads 2 --keep-every 1000 --seed 1 \
    --hr "${HR[@]}" --lr "${LR[@]}"
abpn_training export x3-large -o x3_large.safetensors
# 14,000 steps in which a decibel counts alike in every picture, and 16,000 of decay
abpn_training train -o x3-psnr --init x3_large.safetensors --loss psnr "${soap[@]}" --decay-steps 0 --steps 1000000 \
    --rate 1e-3 --warmup 300 --batch 32 --bf16 --hardest-of 2 --same-every 10 --ema 0.9995 --threads 2 --keep-every 2000 \
    --seed 2 $(data 3 "")
abpn_training train -o x3-psnr-decay --decay-from x3-psnr/step-00014000.pt --decay-steps 16000
abpn_training export x3-psnr-decay -o x3_psnr.safetensors
# 5,000 steps with negatives and exchanged colours, and 6,000 of decay
abpn_training train -o x3-recolour --init x3_psnr.safetensors --loss psnr "${soap[@]}" --decay-steps 0 --steps 1000000 \
    --rate 1e-3 --warmup 300 --batch 32 --hardest-of 2 --same-every 10 --recolour 0.5 --ema 0.9995 --threads 2 \
    --keep-every 1000 --seed 3 $(data 3 "")
abpn_training train -o x3-recolour-decay --decay-from x3-recolour/step-00005000.pt --decay-steps 6000
abpn_training export x3-recolour-decay -o x3_recolour.safetensors
# 1,500 steps in which a decibel counts alike in every patch, these drawn evenly
abpn_training train -o x3-patch --init x3_recolour.safetensors --loss patch-psnr "${soap[@]}" --steps 1500 \
    --decay-steps 1200 --rate 5e-4 --warmup 100 --batch 32 --hardest-of 1 --same-every 10 --recolour 0.5 --ema 0.999 \
    --threads 2 $(data 3 "")
abpn_training export x3-patch -o x3_zeros.safetensors

# ---- x2 and x4, zero padding: 4,000 steps from the body of an x3 net, 2,000 with recoloured patches

for scale in 2 4; do
    abpn_training train -o x$scale --scale $scale --init x3_psnr.safetensors --steps 4000 --decay-steps 3500 --loss psnr \
        "${soap[@]}" --rate 5e-4 --batch 16 --bf16 --hardest-of 2 --same-every 10 --ema 0.999 --warmup 100 --threads 2 \
        $(data $scale "")
    abpn_training export x$scale -o x${scale}_psnr.safetensors
    abpn_training train -o x$scale-recolour --scale $scale --init x${scale}_psnr.safetensors --steps 2000 \
        --decay-steps 1700 --loss psnr "${soap[@]}" --rate 5e-4 --batch 16 --hardest-of 2 --same-every 10 \
        --recolour 0.5 --ema 0.999 --warmup 100 --threads 2 $(data $scale "")
    abpn_training export x$scale-recolour -o x${scale}_zeros.safetensors
done

# ---- Mirrored borders: what is shipped. One thread each, AVX-512 with bfloat16.

# x3 light and strong: 4,000 steps, and 2,000 of decay
for range in light strong; do
    abpn_training train -o x3-$range --init x3_zeros.safetensors "${mirror[@]}" --decay-steps 0 --steps 1000000 \
        --warmup 200 --hardest-of 1 --ema 0.999 --keep-every 1000 $(data 3 -$range)
    abpn_training train -o x3-$range-decay --decay-from x3-$range/step-00004000.pt --decay-steps 2000
    abpn_training export x3-$range-decay -o abpn_x3_${range}_float.safetensors
done
# x2 and x4 clean: 7,000 and 4,500 steps at a constant rate, and 1,500 of decay from the 7,000th and the 4,000th
for scale in 2 4; do
    abpn_training train -o x$scale-clean --scale $scale --init x${scale}_zeros.safetensors "${mirror[@]}" --decay-steps 0 \
        --steps 1000000 --warmup 200 --hardest-of 2 --ema 0.999 --keep-every 1000 $(data $scale "")
    abpn_training export x$scale-clean -o x${scale}_start.safetensors
done
abpn_training train -o x2-clean-decay --decay-from x2-clean/step-00007000.pt --decay-steps 1500
abpn_training train -o x4-clean-decay --decay-from x4-clean/step-00004000.pt --decay-steps 1500
for scale in 2 4; do abpn_training export x$scale-clean-decay -o abpn_x${scale}_float.safetensors; done
# x2 and x4, light and strong: 900 steps each from there
for scale in 4 2; do
    for range in light strong; do
        abpn_training train -o x$scale-$range --scale $scale --init x${scale}_start.safetensors "${mirror[@]}" --steps 900 \
            --decay-steps 600 --warmup 100 --hardest-of 1 --ema 0.998 $(data $scale -$range)
        abpn_training export x$scale-$range -o abpn_x${scale}_${range}_float.safetensors
    done
done

# ---- Integers

license=(--license "MIT OR Apache-2.0")
# quantize RUN NAME PROVENANCE [OPTION...]
quantize() {
    abpn_training export "$1" -o tuned.safetensors --ranges ranges.json "${@:4}"
    abpn model quantize tuned.safetensors --ranges ranges.json -o "$2.safetensors" "${license[@]}" --provenance "$3"
}
# x3 clean: tuned with zero padding in every fourth step, run with a mirrored border; x2 and x4: with that from the beginning.
zeros=(--border zeros --same-every 4 --batch 16 --rate 5e-5 --warmup 50 --recolour 0.5 --threads 2)
abpn_training qat -o x3-qat --weights x3_zeros.safetensors --steps 2500 --loss patch-psnr "${zeros[@]}" $(data 3 "")
quantize x3-qat abpn_x3 "trained on 286 photographs, then quantisation-aware; see weights/README.md" --border mirror
abpn_training export x3-patch -o abpn_x3_float.safetensors --border mirror
text="trained on 286 photographs from the x3 net's body, then quantisation-aware; see weights/README.md"
for scale in 2 4; do
    if [ $scale = 2 ]; then steps=2500; else steps=1500; fi
    abpn_training qat -o x$scale-qat --scale $scale --weights abpn_x${scale}_float.safetensors --steps $steps --batch 16 \
        --loss psnr --rate 5e-5 --warmup 50 --hardest-of 1 --recolour 0.5 --threads 1 --border mirror $(data $scale "")
    quantize x$scale-qat abpn_x$scale "$text"
done
# Light and strong: on one version of each photo, and on pictures of one colour, which keep flat places flat.
python3 - << 'END'
from itertools import product
from pathlib import Path
from PIL import Image
Path("FLAT").mkdir()
for colour in product((0, 85, 170, 255), repeat=3):
    Image.new("RGB", (360, 360), colour).save("FLAT/%03d-%03d-%03d.png" % colour)
END
text="trained on compressed versions of 286 photographs, then quantisation-aware; see weights/README.md"
for scale in 2 3 4; do
    abpn degrade FLAT -o FLAT-x$scale --scale $scale
    for range in light strong; do
        case $scale$range in
            3light) steps=200 rate=5e-5 flat=() ;;
            3strong) steps=300 rate=1e-4 flat=(FLAT) ;;
            *) steps=120 rate=1e-4 flat=(FLAT) ;;
        esac
        abpn_training qat -o x$scale-$range-qat --scale $scale --weights abpn_x${scale}_${range}_float.safetensors \
            --steps $steps --batch 16 --loss psnr --rate $rate --warmup 20 --hardest-of 1 --recolour 0.5 --threads 1 \
            --border mirror --hr TRAIN "${flat[@]}" --lr "TRAIN-x$scale-$range/0" "${flat[@]/%/-x$scale}" \
            --val-hr HELD --val-lr "HELD-x$scale-$range/0"
        quantize x$scale-$range-qat abpn_x${scale}_$range "$text"
    done
done
