"""Help texts on working with images: starting from one, masks, control, chains, enlarging, strength and steps."""

from __future__ import annotations

IMG2IMG = """\
Image to image starts from your picture instead of pure noise:

  oil painting of a harbour -I sketch.png -f 0.6

How it works: the picture is encoded into latents, just as much noise is added as the strength asks for, the
noise is taken away again step by step while the prompt says what to see in it, and the result is decoded.

-I takes a path, a file in outputs, -1 or @last (the last result), @last2, !17, the start of a name, or a URL (fetched
once, and kept under outputs/.invoke/inputs).
Without -W and -H the result has the init image's shape and about the area the model was made for. --fit
scales it into -W x -H, --pad letterboxes it, --crop cuts it, --stretch distorts it.

Where it shines: style transfer, turning a sketch into a picture, editing, variations (-v 0.2 -n4), refining a
result step by step. Clear, well-lit, simple pictures work best; earlier results are good sources.
To change only a part of a picture, paint under a mask (inpainting, !help masks): -M mask.png, or make that part
of the init image transparent. Without a mask a low strength keeps the rest close.

A step of an earlier picture is a starting point too: -I @last:4 goes on from the latents after its step 4, with its
size, steps and sampler, and with other words, if you write some. Without any change it ends in the same picture. The
steps before are made again, unless --save_latents kept them; such a file can follow -I itself.

  a castle on a hill -s 20 -S 7
  a burning castle on a hill -I @last:8

See also: !help strength, !help steps, !help tips."""

MASKS = """\
Inpainting: only a part of a picture is painted, the rest stays as it is, to the byte.

  a golden crown -I portrait.png -M mask.png -f 0.8      white in the mask is painted
  a boat on the lake -I holed.png                        transparent parts of the init image are painted

A mask with transparency paints its transparent parts, any other its white ones; --invert_mask turns it round,
--mask_polarity black is for scripts made for InvokeAI 2.x. --mask_grow 12 paints so far beyond the mask's edge;
--mask_blur says how wide the new part fades into the old one, inside the mask.

Without -W, -H and fit switches the result has the init image's own size: the model works on the part round the
mask, at the size that it was made for, and only what is under the mask comes back.
Keep the colours under transparency when you save (an editor may erase them): the model starts from them."""

CONTROL = """\
--control KIND:IMAGE[:W] lets a second picture say where things are, while the prompt says what they are:

  a castle at night --control canny:photo.jpg              its edges, found here
  an astronaut in a jungle --control depth:depth.png:0.7   a depth map, made elsewhere; 0.7 of its force
  oil painting -I photo.jpg -f .9 --control canny:photo.jpg --control pose:pose.png:0.5
  a cat on a chair --control ip:portrait.jpg:0.6           as if the picture were a part of the prompt (IP-Adapter)

canny and softedge find the edges of an ordinary picture, scribble turns a drawing on white paper round. For all
other kinds (depth, pose, seg, normal, lineart …) the picture is used as it is. W is 0 to 2; several add up.

Each kind wants a control model (a ControlNet or a T2I-Adapter) that was made for your kind of model. Enter it once:

  !import_model ~/models/control_v11p_sd15_canny           the kind is in its name, or: control=canny
  !import_model owner/name canny-sd15 control=canny        fetched from a hub
  !import_model ~/models/ip-adapter_sd15.safetensors       its image_encoder lies beside it, or: base=FOLDER

The name of its entry in the place of the kind uses that very one, and the picture as it is (edges that you have).
IMAGE is looked for like that of -I: a path, @last, !17, an address. It fills the picture's size, its middle
counts; with -I it lies on the init image. It is kept with the results, so that the picture is made again from there.
It works alone, with -I and under a mask, with Stable Diffusion 1, 2 and XL. In a chain every stage is guided like
the one before, until one says another --control, or --no_control; the tiles of -U are not guided."""

CHAINS = """\
A chain takes one picture through several stages:

  a castle -s30 | oil painting -f .5 | highly detailed -f .2

Each stage starts from the result of the one before. What it does not say (prompt, steps, sampler, guidance, size,
model) it has from there, but not the seed: a stage without -S takes the next one in the row, since the same noise
twice burns in. Strength is 0.75 again. -I and -n belong to the first stage; output switches hold for the line.

  oil painting -I sketch.png -f .6,.4,.2     refinement: one prompt, three strengths

Between stages of one autoencoder the latents are handed over as they are; otherwise the picture is decoded and
encoded once. The file's one line makes the whole chain again. --save_all keeps every stage's picture, --strip and
--save_intermediates show the way."""

UPSCALING = """\
Work after the picture: on a line that draws, or with !fix on any picture, which stays as it is.

  a castle -U 2                              twice the size, the model drawing the detail
  !fix photo.png -U 2 .2                     the same for a picture that is there
  !fix low.png -U4 --new_prompt "high quality, detailed, sharp" -s20

-U enlarges smoothly, then lets the model draw detail into it, tile by tile, at a low strength: .25; .15 only
sharpens, from .4 on it invents. Any factor up to 8, in little memory. The prompt and seed are the picture's own,
!fix takes them from its file; --new_prompt says another. --embiggen does the same under InvokeAI's name, with the
tiles' overlap, and --embiggen_tiles 1 4 works on these alone. --save_original keeps the picture before it too.

Networks   ESRGAN's family: pip install "invoke-cli[upscale]", put the file into models/upscalers under your root,
           then -U 4 --upscaler RealESRGAN_x4plus. With -U a second number is its share (.75).
Diffusion  the x2 and x4 upscalers of diffusers, as entries of models.yaml: a castle | --latent_up 2 | --sr 4, or
           -U 4 --upscaler NAME. hf download stabilityai/stable-diffusion-x4-upscaler --local-dir ~/models/x4
Faces      -G .8 restores the face that fills the middle of a portrait: put GFPGANv1.4.pth into models/faces (or
           codeformer.pth, for -ft codeformer). It finds no faces by itself: cut the picture to one first.
Colours    --match_colors, with -I, gives the result the init image's colours: lab (mean and spread), histogram, or
           chroma, which leaves light and shade; under a mask inside it alone. The distance is told."""

STRENGTH = """\
-f says how much of the init image to change. Think of a house: strength is the difference between a coat of
paint and rebuilding it.

  0        the picture itself, pixel for pixel
  0.2-0.4  keeps colours and shapes
  0.3      light: colours and textures change        (-f light)
  0.5      balanced: another style                   (-f balanced)
  0.3-0.5  the range to begin in for most tasks
  0.75     the default
  0.8      heavy: the composition may change          (-f heavy)
  1        nearly text to image; the picture hardly counts

The lesson of a bad drawing: at a low strength the result inherits its flaws, at a high one it forgets it.

Strength and guidance (-C) together:
                 low -C                     high -C
  low -f    closest to the picture     the picture, told by the prompt
  high -f   loosest of all             most creative, follows the prompt

Too subtle: raise -f first, then -C, then the wording. Too dramatic: lower -f first.
!again -f+.1 does the last line again with the strength raised by 0.1 and the same seed."""

STEPS = """\
-s is the length of the schedule. 20 to 30 steps to explore, 40 to 50 to finish.
!plot strength -s50 draws which of 50 steps each strength takes; !compare 16 17 shows two runs step by step.

With an init image only the last part is walked: floor(steps x strength).
  -s10 -f0.7   7 of 10 steps          -s50 -f0.4   20 of 50 steps
To take 20 real steps at any strength, write --real_steps 20: it makes the schedule as long as it must be.

Other than from pure noise, more steps do not converge on one picture: every number of steps is another
schedule, whose noise levels differ at every step, and so each is read a little differently. 29 and 30 steps
can give clearly different pictures. --trace prints the schedule."""
