"""The help text on enlarging and all other work after the picture."""

from __future__ import annotations

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
