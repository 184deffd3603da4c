"""Lines of InvokeAI 2.3.5's documentation and of its preflight files give the documented outcome."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.sample_images import drawing
from tests.session_harness import SessionHarness

LINES = r"""
ashley judd riding a camel -n2 -s150
"there's a fly in my soup" -n6 -g
waterfall and rainbow -W640 -H480
waterfall and rainbow -I./vacation-photo.png -W640 -H480 --fit
waterfall and rainbow -I./vacation-photo.png -M./vacation-mask.png -W640 -H480 --fit
happy woman sitting under tree wearing broad hat and flowing garment -v0.2 -n6
watercolor of beautiful woman sitting under tree -v0.2 -n6 -S2878767194
a fantastic alien landscape -W 576 -H 512 -s 60 -A plms -C 7.5
tree on a hill with a river, nature photograph -I./vacation-photo.png -f 0.85
tree on a hill with a river, national geographic -I./vacation-photo.png -H512 -W512 --fit
tree on a hill -I ./vacation-photo.png -W512 -H512 -F
"fire" -s10 -W384 -H384 -S1592514025
"fire" -s10 -W384 -H384 -S1592514025 -I ./vacation-photo.png --strength 0.7
"man with cat on shoulder" -I./vacation-photo.png -M./transparent.png
a stream by a river -I ./transparent.png
"pond garden with lotus by claude monet" --seamless -s100 -n4
"pond garden with lotus by claude monet" --seamless --seamless_axes=x -s100 -n4
a cute child playing hopscotch -s50 -S -1
tabby cat:0.25 white duck:0.75 hybrid
a red car --steps 25 -C 9.8 --perlin 0.1 --fnformat {prompt}_steps.{steps}_cfg.{cfg_scale}_perlin.{perlin}.png
"a portrait of a beautiful young lady" -S 1950357039 -s 100 -C 20 -A k_euler_a --threshold 0 --perlin 0
"a portrait of a beautiful young lady" -S 1950357039 -s 100 -C 20 -A k_euler_a --threshold 5 --perlin 0.2
"stormy weather on a mountain top, goats grazing" -s100
"innovative packaging for a squid's dinner" -S137038382
a sunny day -Ak_euler_a -C7.5
this is a test prompt [not really] to make you understand [cool] how this works.
a tall thin man picking apricots+
a tall thin man picking (apricots)-
a tall thin man (picking apricots+)++
a tall thin man (picking (apricots)1.3)1.1
a tall thin man picking apricots [(ladder)0.01]
a tall thin man picking (apricots).attend(1.3)
a tall thin man picking apricots.attend(1.3)
("a tall thin man picking apricots", "a tall thin man picking pears").blend(1,1)
("a tall thin man picking apricots", "a tall thin man picking pears").blend(1,-1,no_normalize)
a tall thin man picking apricots:1 a tall thin man picking pears:1
a cat.swap(dog) playing with a ball in the forest
a (fluffy cat).swap(barking dog) playing with a ball in the forest
a ("fluffy, grey cat").swap("big, barking dog") playing with a ball in the forest
a cat.swap(dog, t_start=0.3, t_end=1.0) playing with a ball in the forest
a cat.swap() playing with a ball
a ().swap(cat) playing with a ball
blue sphere:0.25 red cube:0.75 hybrid
a \(keyword\) in text
prompt -n6 -S3357757885 -v0.2
"prompt"  -S3357757885 -V3647897225,0.1,1614299449,0.1
"prompt" -S3357757885 -V3647897225,0.1,1614299449,0.1 -v0.05 -n6
./outputs/Xena/000004.1642517170.png: "prompt" -s50 -W512 -H512 -C7.5 -Ak_lms -V 3647897225:0.1,1642517170:0.05 -S3357757885
outputs/img-samples/000039.3498014304.png: "a cute child" -s50 -W512 -H512 -C7.5 -mk_lms -S3498014304
[946] outputs/img-samples/000024.801380492.png: "medusa with cobras" -s 50 -S 801380492 -W 512 -H 512 -C 20.0 -A k_lms
a photo of a forest at sunset -s 100 -W 64 -H 64 -I vacation-photo.png -f 0.4 -embiggen 2.5
a photo of a forest at sunset -s 100 -W 64 -H 64 -I vacation-photo.png -f 0.4 -embiggen 2.5 0.75 0.25
a photo of a forest -s 100 -W 64 -H 64 -I vacation-photo.png -f 0.4 -embiggen .5
a forest -s 20 -W 64 -H 64 -I vacation-photo.png -f 0.5 -embiggen 2 -embiggen_tiles 1 2 3
a forest -s 20 -W 64 -H 64 -I vacation-photo.png -f 0.5 -embiggen_tiles 1 2 3
!fix ./vacation-photo.png -embiggen 2 -embiggen_tiles 1 2 3
!fix ./vacation-photo.png -embiggen_tiles 1 2 3
!fix ./vacation-photo.png -embiggen 2 -embiggen_strength .3
!fix vacation-photo.png --outcrop top 128 right 64 bottom 64
!fix vacation-photo.png --outcrop top 128 --new_prompt "family vacation"
!fix vacation-photo.png --out_direction top 64
!fix vacation-photo.png -G0.8 -U 2
!fix "vacation-photo.png" -s 50 -S 5 -W 512 -H 512 -C 7.5 -A k_lms -c top 64
!fix vacation-photo.png -s 50 -S 5 -W 512 -H 512 -C 7.5 -A k_lms -c top 64 bottom 64
"superman dancing with a panda bear" -U 2 0.6 -G 0.4
"superman dancing" -U 2 0.6
a piece of cake -I vacation-photo.png -tm bagel 0.6
!mask ./vacation-photo.png -tm hair 0.5
!history
!search surreal
!models
!triggers
!clear
!optimize x
!optimize_model x
!import_model no/such.ckpt
!fetch outputs\*.png selected.txt
!replay outputs\selected.txt
a cat --variants 3
a cat -x --skip_normalization
a cat --variation 0.2
a cat --sampler_name k_lms
cat -s 5 on a mat
a cat -S 5 -f 0.3 dog
a cat --dream
!dream a cat -s5
a cat -I vacation-photo.png -r 0.5
a cat -I vacation-photo.png --inpaint_replace
a cat -I vacation-photo.png -D top 64
a cat -c top 64 -s5
a cat --use_mps_noise
a cat -h
a cat -i
a cat --karras_max 29
"""


def pictures() -> None:
    photo = drawing().resize((96, 64))
    photo.save("vacation-photo.png")
    Image.new("L", (96, 64), 255).save("vacation-mask.png")
    holed = photo.convert("RGBA")
    holed.putalpha(Image.new("L", (96, 64), 0))
    holed.save("transparent.png")


def test_probe(harness: SessionHarness) -> None:
    pictures()
    out = []
    for line in LINES.strip().splitlines():
        outcome = harness.run(line)
        out.append(f"{outcome.name:8} {line}\n" + "".join(f"      ! {e}\n" for e in harness.errors)+ "".join(f"      - {e}\n" for e in harness.notices))
    Path("/tmp/t20/probe.txt").write_text("".join(out))
