"""The help texts that no table holds, by topic: those of `guides`, tips, models, recall, what to do in trouble."""

from __future__ import annotations

from collections.abc import Mapping

from invoke_cli.language.help.guides import CHAINS, CONTROL, IMG2IMG, MASKS, STEPS, STRENGTH, UPSCALING
from invoke_cli.language.help.recipes import recipes_page

OVERVIEW = """\
Type a prompt, with switches behind it:

  tree on a hill with a river, nature photograph -s30 -n4
  oil painting -I sketch.png -f 0.6          start from an image
  a cat [blurry, ugly] -S 42 -C 8            words in brackets are avoided; -S is the seed

Each picture gets a number and carries its line: !fetch 17 brings it back, !replay 17 makes it again.
q, quit, exit or Ctrl-D leaves; Ctrl-C stops the running picture after its step."""

TIPS = """\
Words
- Prompt as such a picture would be captioned: the publication, the photographer, the camera, the film.
  Photographs are rarely captioned "photograph".
- Small changes of wording give very different pictures: try a few.
- Be specific about what should change; name what is in the init image; keep light and perspective coherent.
- Words of place (left of, in the background) help layout.
- Name what you do not want: [blurry, low quality, distorted] or --neg "...".

Numbers
- Explore with 20 to 30 steps and -n4; finish one seed with 40 to 50.
- -C 7 to 10 is balanced, 1 to 7 freer, 10 to 15 strict. Very strong guidance leaves artifacts.
- The same -S with the same switches is the same picture, on every device.
- Keep the model's own size (!models shows it); much larger ones repeat things.

Habits
- !set -s 20 -A k_euler for a session; the same switches at launch, or in invoke.init for good.
- !alias clean --neg "blurry, ugly, low quality, watermark" and !alias oil oil painting, thick paint -C 9 are kept:
  !oil !clean a castle draws with both, words and negatives joined, its own switches first.
- Give a dozen lines in a file: invoke --from_file lines.txt. A line with # in front is a comment.
- -v 0.2 -n6 -S 42 makes six relatives of one picture; the -V in a result's line makes one of them again."""

TROUBLE = """\
too subtle              raise -f (!again -f+.15); raise -C; a more specific prompt
too dramatic            lower -f; a tamer prompt; and -C: lower it when the prompt overrides your picture,
                        raise it when the result has nothing to do with either
losing detail           lower -f, or --real_steps 20 for more steps at the same strength
poor quality            more steps, -C 7 to 10, a better prompt, a sharper and larger init image
unfinished look         few steps were taken: --real_steps 20, or a longer -s
artifacts               a negative prompt; lower -C; another sampler
colours drift           --match_colors; name the colours; -f 0.2 to 0.4
init image too small    under 256 pixels it lacks detail; it is enlarged, but a better source helps more
odd transparent parts   the colours under transparency were erased; save them with the image
no picture is shown     --preview blocks; kitty or Ghostty in tmux: tmux set -g allow-passthrough on; sixels: tmux 3.4;
                        nothing is shown with NO_COLOR or off a terminal; --preview off, in invoke.init for good
image does not load     PNG, JPEG, WebP, BMP, GIF and TIFF are read; the message says what is wrong
slow                    fewer steps, a smaller size (-W -H), fewer images
out of memory           smaller size, --fit, --parallel 1, a smaller model; the session goes on
another picture today   !verify image says what differs: model, versions, threads"""

MODELS = """\
The model that comes along, sketchbook, is small: it makes pictures on a fresh machine without a download. It was
trained on drawings of the project's own, so it knows shapes (circle, square, triangle, star, heart, diamond) and
things (house, tree, flower, mushroom, apple, cat …) in colours, sizes, places and pairs; landscapes with hills,
trees, rivers, mountains, sea, boats, houses, fires; day, night, sunset, the seasons, storm; and looks: photograph,
oil painting, watercolor, pencil sketch, pixel art, neon. It knows no faces, no people, no writing, and of other
words it makes what it can. Its size is 256 x 256.

A big one is a folder in the diffusers layout (with model_index.json) or a single .safetensors or .gguf file. What
kind it is is found out: Stable Diffusion 1, 2, XL (refiner, Turbo, inpainting) and 3, InstructPix2Pix, Latent
Consistency, Kandinsky 2.2, FLUX.1 and 2, PixArt, Sana, Qwen-Image, Z-Image. !model tells all of one, what it cannot
do too.

  -m ~/models/dreamshaper.safetensors            for one line; !switch for all that follow
  !import_model ~/models/sd15                    enters it into your models.yaml under its name
  !import_model owner/name                       fetches it from huggingface.co first, its size told before
  !import_model flux.gguf base=~/flux            a file of a transformer alone; the folder has the rest
  !edit_model sd15 defaults -s 30 -C 7.5         !edit_model sd15 shows the entry
  !edit_model sd15 vae ~/models/vae-ft-mse       another VAE, a folder or a file
  !edit_model flux quantize int8                 the denoiser in fewer bits: int8, float8 (torchao), bnb8, bnb4
  !convert_model old.ckpt                        a pickle into .safetensors, by the loader that runs no code

!models lists what is known and whether it can be used, !check whether the machine has room for it. Little memory:
--offload model, --vae_tiling, --attention sliced, or --precision float16 at start. Models stay in memory while there
is room, so that switching between them costs nothing."""

RECALL = """\
A picture says how it was made, and most programs' pictures can be asked:

  !info picture.png          the program, its settings, what this one cannot do, and the raw texts
  !fetch picture.png         its line comes into the next prompt, to be changed
  !fetch 17 prompt           a part of it: prompt, seed, remix (all but the seed), all
  !replay picture.png        drawn again; of this program's own pictures the same pixels
  a house -I picture.png     goes on from it; without a prompt it takes the picture's own

Read are InvokeAI 1 to 6, A1111, Forge and SD.Next, ComfyUI's graphs, Fooocus, NovelAI, stable-diffusion.cpp,
imaginAIry, mflux, kohya, Draw Things, SwarmUI and Easy Diffusion, from PNG, JPEG, WebP and GIF files, and words
hidden in the pixels. Counts and strengths are converted (clip skip, strengths that say what is kept, names of
samplers). What does not fit into a line is told: LoRAs, weights in other spellings, further passes, nodes. A model
is used when one of its name or hash is known here. A path in a file of another program is never opened unasked.

The noise of other programs is another one: the same line gives a relative of their picture, not its twin."""

FIRST_TIME = "this model draws shapes, things and simple landscapes; !help models: how to get a big one"

PROMPTS = """\
A prompt is plain words. More can be said in it:

  a cat [blurry, ugly]                 words in brackets are avoided (--neg does the same)
  a forest++ and a cat-                more forest, less cat; each + is 1.1 times as much, each - 0.9 times
  (a red boat)1.4 on the sea           so much of some words; "a red boat"1.4 and (a red boat:1.4) are the same
  ("a cat", "a dog").blend(.3,.7)      what two prompts mean, mixed; it is the whole prompt
  ("a cat", "a house").and(1,.8)       prompts that are read one after the other
  a cat.swap(dog) on a chair           a dog where the cat would be, the layout kept; (black cat).swap(white dog)
  cat.swap(dog, t_end=.6, s_end=.2)    the words hold for .6 of the steps (else all), the shapes for .2 (else .4)
  a {red|green|blue} cat               a picture of each, all with one seed
  a {?red|green|blue} cat              one of them, drawn from each picture's seed
  a {__colours__} cat                  each line of wildcards/colours.txt in your root; {?__colours__} draws one
  a photo of <cat-toy>                 an embedding (textual inversion) of the folder embeddings in your root
  a cat withLora(film,0.8)             a LoRA of the folder loras in your root, like --lora film:0.8

An operator counts only at the end of a word, a bracket or a quotation: it--was and (cat) are text. A backslash keeps
one as text: \\{a|b\\}, C\\+\\+. Prompts of more than 75 tokens are read in several parts; -t shows them.
Weights from 0 to 1.6 or so make sense. A picture carries the prompt that was chosen, so that it is made again alone.
Flux and other models with a language model as text encoder take no weights, blends and swaps."""

SEARCH = """\
!search takes words, which all must stand in the line, and conditions, which all must hold:

  !search fox "oil painting"                  parts of words count; case does not
  !search strength>0.5 steps<=20 C:7.5        any switch's name or letter, with < <= > >= = or :
  !search model:xl sampler:euler              of a text, : asks for a part
  !search since:yesterday before:2026-01-31   today, yesterday, 12h, 3d, 2w, or a date
  !search tag:good rating>=4                  what !tag and !rate have said

!history takes the same as switches: !history 50 --tag good --since 3d. What is found is used by its number:
-I !17, !17 (its line), !fetch 17 prompt, !tree 17, !compare 17 18, !save 17 18 ~/pictures.
The history can be made anew from the images with !reindex; ratings and tags are kept in a file of their own."""

EXPLORE = """\
!sweep draws every combination of lists and ranges, each an ordinary numbered image, and lays them out in a grid:

  !sweep a castle -f .3,.5,.8 -C 5..11:3 -A ddim,k_euler -I sketch.png

One seed for all unless -S says others; a value in quotes is no list. The same line typed again goes on where it was
stopped. Beside the grid lie a table (.csv) and a page (.html). With --dry_run the lines are only shown.

!ladder oil painting -I sketch.png    the strengths 0.1 to 1, and how far each goes from the init image
!again -f+.1                          the last line with one value changed
!final 12 -s 50                       image 12 with its seed and more steps
!compare 16 17                        init image, steps and result beside each other; --strips for the steps alone
!grid 3 7 9, !contact session         pictures with their names; a contact sheet"""

TOPICS: Mapping[str, str] = {
    "prompts": PROMPTS,
    "img2img": IMG2IMG,
    "masks": MASKS,
    "control": CONTROL,
    "chains": CHAINS,
    "upscaling": UPSCALING,
    "strength": STRENGTH,
    "steps": STEPS,
    "tips": TIPS,
    "search": SEARCH,
    "explore": EXPLORE,
    "trouble": TROUBLE,
    "recall": RECALL,
    "models": MODELS,
    "recipes": recipes_page(),
}
