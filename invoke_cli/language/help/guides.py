"""Help topics on working with images: image to image, masks, control, chains, upscaling, strength and steps."""

from __future__ import annotations

IMG2IMG = """\
Image to image starts from an existing image instead of pure noise:

  oil painting of a harbour -I sketch.png -f 0.6

How it works: the init image is encoded into latents, noise is added in proportion to the strength, the model removes
the noise step by step, guided by the prompt, and the result is decoded.

-I accepts a path, a file in outputs, -1 or @last (the last result), @last2, !17, the start of a name, or a URL
(downloaded once and kept under outputs/.invoke/inputs).
Without -W and -H, the result keeps the aspect ratio of the init image, at about the model's native area. --fit scales
the image into -W x -H, --pad letterboxes it, --crop crops it, --stretch distorts it.

Be specific about what should change, in descriptive and technical words, and refer to what is in the image: "a stone
cottage with a red door at dusk", not "make it nicer". Keep the light, the perspective and the style of the image in
mind, so that the new parts match the rest.

Use it for style transfer, turning a sketch into a finished image, editing, variations (-v 0.2 -n4) and refining a
result. Clear, well-lit, simple images work best; earlier results are good sources.
To change only a part of an image, use a mask (inpainting, !help masks): -M mask.png, or make that part of the init
image transparent. Without a mask, a low strength preserves the rest.

You can also start from a step of an earlier image: -I @last:4 resumes from the latents after step 4, with the same
size, steps and sampler. Change the prompt to steer the remaining steps; without changes you get the same image. The
earlier steps are recomputed unless --save_latents stored them. -I also accepts such a .safetensors file.

  a castle on a hill -s 20 -S 7
  a burning castle on a hill -I @last:8

See also: !help strength, !help steps, !help tips."""

MASKS = """\
Inpainting regenerates only the masked part of an image; every other pixel stays identical.

  a golden crown -I portrait.png -M mask.png -f 0.8      white mask areas are painted
  a boat on the lake -I holed.png                        transparent areas of the init image are painted

If the mask has transparency, its transparent areas are painted, otherwise its white areas. --invert_mask inverts the
mask; --mask_polarity black supports scripts written for InvokeAI 2.x. --mask_grow 12 extends the painted area by 12
pixels; --mask_blur sets the width of the soft edge, inside the mask. The colours of the painted area are matched to
the pixels around it; --mask_match 0 keeps those that the model generated.

Without -W, -H or a fit switch, the result has the size of the init image: the model works on a window around the
mask at its native size, and only the pixels under the mask are replaced.
When you save an image with transparency, keep the colours under the transparent areas (some editors erase them): the
model starts from them."""

CONTROL = """\
--control KIND:IMAGE[:W] uses a second image to guide the layout, while the prompt describes the content:

  a castle at night --control canny:photo.jpg              edges, detected automatically
  an astronaut in a jungle --control depth:depth.png:0.7   a depth map made elsewhere, with weight 0.7
  oil painting -I photo.jpg -f .9 --control canny:photo.jpg --control pose:pose.png:0.5
  a cat on a chair --control ip:portrait.jpg:0.6           the image as part of the prompt (IP-Adapter)

canny and softedge detect edges in an ordinary image; scribble inverts a drawing on white paper. For all other kinds
(depth, pose, seg, normal, lineart …) the image is used unchanged. W is 0 to 2; repeat the switch to combine several.

Each kind needs a control model (a ControlNet or a T2I-Adapter) trained for your base model. Import it once:

  !import_model ~/models/control_v11p_sd15_canny           the kind is read from its name; or: control=canny
  !import_model owner/name canny-sd15 control=canny        downloaded from Hugging Face
  !import_model ~/models/ip-adapter_sd15.safetensors       expects image_encoder next to it; or: base=FOLDER

To select a specific control model, write the name of its entry instead of the kind. The image is then used unchanged
(for edges that you already have).
IMAGE is resolved like -I: a path, @last, !17, a URL. It is scaled and cropped to the size of the result; with -I it is
aligned with the init image. A copy is stored with the results, so that the image can be reproduced.
--control works alone, with -I and with a mask, for Stable Diffusion 1, 2 and XL. In a chain, every stage inherits it
until a stage sets another --control or --no_control. The tiles of -U do not use it."""

CHAINS = """\
A chain passes one image through several stages:

  a castle -s30 | oil painting -f .5 | highly detailed -f .2

Each stage starts from the previous result and inherits every setting that it does not override (prompt, steps,
sampler, guidance, size, model), except the seed: a stage without -S uses the next seed, since reusing the same noise
oversaturates the image. Strength defaults to 0.75 in each stage. -I and -n belong to the first stage; output switches
apply to the whole line.

  oil painting -I sketch.png -f .6,.4,.2     refinement: one prompt, three strengths

Between stages with the same VAE, latents are passed on directly; otherwise the image is decoded and encoded once.
The saved line reproduces the whole chain. --save_all keeps the image of every stage; --strip and --save_intermediates
show the steps in between."""

UPSCALING = """\
Upscale last: find the prompt and the seed at the model's native size, where images are fast and their composition is
best, and upscale only the image that you keep (!fix 12 -U 2, or !final 12 -s 50 -U 2). Upscaling adds fine detail; it
does not repair a composition, and enlarges every flaw. For a different picture at a larger size, use it as an init
image instead: -I @last -W 768 -H 768 -f .3.

Postprocessing runs after generation, or with !fix on any existing image, which is not modified.

  a castle -U 2                              twice the size, with detail added by the model
  !fix photo.png -U 2 .2                     the same for an existing image
  !fix low.png -U4 --new_prompt "high quality, detailed, sharp" -s20

-U enlarges the image, then adds detail tile by tile with the model at a low strength (default .25; .15 only sharpens,
above .4 it invents new content). Factors up to 8 work, with little memory. The prompt and seed are those of the image
(!fix reads them from the file); --new_prompt replaces the prompt. --embiggen does the same with InvokeAI's name and
tile overlap, and --embiggen_tiles 1 4 limits it to these tiles. --save_original also keeps the image before
postprocessing.

Networks   the ESRGAN family: pip install "invoke-cli[upscale]", put the file into models/upscalers under your root,
           then use -U 4 --upscaler RealESRGAN_x4plus. The second number of -U is then its blend ratio (.75).
Diffusion  the x2 and x4 upscalers of diffusers, as entries of models.yaml: a castle | --latent_up 2 | --sr 4, or
           -U 4 --upscaler NAME. Download: hf download stabilityai/stable-diffusion-x4-upscaler --local-dir ~/models/x4
Faces      -G .8 restores the face in the middle of a portrait: put GFPGANv1.4.pth into models/faces (or
           codeformer.pth, for -ft codeformer). Faces are not detected: crop the image to one first.
Colours    --match_colors, with -I, transfers the colours of the init image: lab (mean and spread), histogram, or
           chroma, which keeps the lightness; with a mask, only inside it. The colour distance is printed."""

STRENGTH = """\
-f controls how much of the init image changes. Think of renovating a house: a low strength is a coat of paint, a high
strength rebuilds it.

  0        the image itself, pixel for pixel
  0.2-0.4  keeps colours and shapes
  0.3      light: changes colours and textures       (-f light)
  0.5      balanced: changes the style               (-f balanced)
  0.3-0.5  a good starting range for most tasks
  0.75     the default
  0.8      heavy: may change the composition         (-f heavy)
  1        close to text to image; the init image hardly matters

At a low strength the result inherits the flaws of the init image; at a high strength it ignores the image.

Strength and guidance (-C) together:
            low -C                       high -C
  low -f    closest to the init image    close to the image, guided by the prompt
  high -f   freest of all                most creative, follows the prompt

Too subtle: raise -f first, then -C, then reword the prompt. Too dramatic: lower -f first.
!again -f+.1 repeats the last line with the strength raised by 0.1 and the same seed."""

STEPS = """\
-s sets the length of the schedule: 20 to 30 steps to explore, 40 to 50 for a final image.
!plot strength -s50 shows which of 50 steps each strength runs; !compare 16 17 shows two runs step by step.

With an init image, only the last part of the schedule runs: floor(steps x strength).
  -s10 -f0.7   7 of 10 steps          -s50 -f0.4   20 of 50 steps
To run exactly 20 steps at any strength, use --real_steps 20: it lengthens the schedule as needed.

Why the result changes with the number of steps: a sampler divides the way from noise to image into steps, and each
number of steps has its own schedule with its own noise levels. Without an init image, more steps approach one image
with most samplers. With one, they do not: the run starts inside the schedule, at another noise level for each number
of steps, so 29 and 30 steps can give clearly different images. Compare results at the same -s; --trace prints the
schedule, and !sweep -s 10,20,40 shows the difference."""

VARIATIONS = """\
-v generates images that are close to one another; 0.1 changes details, 0.3 more, 1 is another image:

  a castle -S 42 -n 6 -v .2                 six variations of the image of seed 42
  a castle -S 42 -V 3357757885:0.2          one of them: the -V of its result line
  a castle -S 42 -V 33:0.2,17:0.1           blend in the noise of several seeds, in order

Each variation draws a seed of its own and blends its noise into that of -S, by this weight. The result line contains
it as -V, so that every variation can be reproduced and combined with others.

With an init image, -v .2 -n 4 generates the first image from it, and the other three from that result by image to image
with varied noise, as InvokeAI 2.x did. Each records the image that it comes from (!tree). -n 1 varies nothing then.
-V with an init image blends the noise that is added to it.

Other ways to vary an image: -n for other seeds, {a|b} for other words (!help prompts), -I @last -f .3 for a new
version of a result, !sweep for other settings (!help sweeps)."""
