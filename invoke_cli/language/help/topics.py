"""Help topics that are not generated from tables: those of `guides`, tips, models, recall and troubleshooting."""

from __future__ import annotations

from collections.abc import Mapping

from invoke_cli.language.help.guides import CHAINS, CONTROL, IMG2IMG, MASKS, STEPS, STRENGTH, UPSCALING, VARIATIONS
from invoke_cli.language.help.recipes import recipes_page

TIPS = """\
Prompts
- Write the prompt as a caption for such an image: the publication, the photographer, the camera, the film.
  Photographs are rarely captioned "photograph".
- Small changes of wording give very different images: try a few.
- Be specific about what should change, describe what is in the init image, and keep light and perspective coherent.
- Words for positions (left of, in the background) help the layout.
- Name what you do not want: [blurry, low quality, distorted] or --neg "...".

Settings
- Explore with 20 to 30 steps and -n4, then rerun the best seed with 40 to 50.
- -C 7 to 10 is balanced, 1 to 7 freer, 10 to 15 strict. Very high guidance causes artifacts.
- The same -S with the same switches gives the same image, on every device.
- Use the model's native size (!models shows it); much larger images repeat their content.

Workflow
- !set -s 20 -A k_euler sets defaults for the session. You can also pass switches at launch, or keep them in
  invoke.init.
- !alias clean --neg "blurry, ugly, low quality, watermark" and !alias oil oil painting, thick paint -C 9 define
  permanent aliases. !oil !clean a castle combines both: prompts and negative prompts are joined, and switches in the
  line override those of the aliases.
- To run many lines, put them into a file: invoke --from_file lines.txt. A line that starts with # is a comment.
- -v 0.2 -n6 -S 42 generates six variations of one image; the -V in a result's line reproduces one of them."""

TROUBLE = """\
too subtle              raise -f (!again -f+.15), raise -C, or write a more specific prompt
too dramatic            lower -f, or tone down the prompt; lower -C if the prompt overrides your image,
                        raise it if the result has nothing to do with either
loss of detail          lower -f, or use --real_steps 20 for more steps at the same strength
poor quality            more steps, -C 7 to 10, a better prompt, a sharper and larger init image
unfinished look         too few steps ran: use --real_steps 20, or raise -s
artifacts               add a negative prompt, lower -C, or try another sampler
colours drift           use --match_colors, name the colours, or use -f 0.2 to 0.4
init image too small    below 256 pixels it lacks detail; it is enlarged, but a better source helps more
odd transparent areas   the colours under transparency were erased; keep them when saving the image
no image is shown       try --preview blocks; kitty or Ghostty in tmux: tmux set -g allow-passthrough on; sixel needs
                        tmux 3.4; nothing is shown with NO_COLOR or when output is not a terminal; to turn previews
                        off permanently, put --preview off into invoke.init
image does not load     the message explains the problem and names the formats that are supported here
slow                    fewer steps, a smaller size (-W -H), fewer images
out of memory           a smaller size, --fit, --parallel 1, a smaller model; the session continues
image differs today     !verify image reports what changed: model, versions, threads"""

MODELS = """\
The bundled model, sketchbook, is small and generates images without a download. It was trained on this project's own
drawings and knows shapes (circle, square, triangle, star, heart, diamond) and objects (house, tree, flower, mushroom,
apple, cat …) in colours, sizes, positions and pairs; landscapes with hills, trees, rivers, mountains, sea, boats,
houses, fires; day, night, sunset, the seasons, storm; and styles: photograph, oil painting, watercolor, pencil sketch,
pixel art, neon. It knows no faces, no people and no text, and guesses at other words. Its native size is 256 x 256.

A larger model is a folder in the diffusers layout (with model_index.json) or a single .safetensors or .gguf file. Its
kind is detected: Stable Diffusion 1, 2, XL (refiner, Turbo, inpainting) and 3, InstructPix2Pix, Latent Consistency,
Kandinsky 2.2, FLUX.1 and 2, PixArt, Sana, Qwen-Image, Z-Image. !model NAME shows details, including unsupported
switches.

  -m ~/models/dreamshaper.safetensors            for one line; !switch for all following lines
  !import_model ~/models/sd15                    add it to your models.yaml under its name
  !import_model owner/name                       download it from huggingface.co, after showing its size
  !import_model flux.gguf base=~/flux            a file with only the transformer; the folder has the rest
  !edit_model sd15 defaults -s 30 -C 7.5         set its default switches; !edit_model sd15 shows the entry
  !edit_model sd15 vae ~/models/vae-ft-mse       use another VAE, a folder or a file
  !edit_model flux quantize int8                 quantise the denoiser: int8, float8 (torchao), bnb8, bnb4
  !convert_model old.ckpt                        convert a pickle to .safetensors with a loader that runs no code

!models lists the known models and whether they can be used; !check shows whether they fit into memory. To save memory:
--offload model, --vae_tiling, --attention sliced, or --precision float16 at launch. Models stay in memory while there
is room, so that switching between them is fast."""

RECALL = """\
Images contain the settings that generated them. These commands read them, also from most other programs:

  !info image.png            the program, its settings, what cannot be reproduced here, and the raw metadata
  !fetch image.png           load its line into the prompt for editing
  !fetch 17 prompt           only a part: prompt, seed, remix (all but the seed) or all
  !replay image.png          generate it again; images of this program are reproduced pixel for pixel
  a house -I image.png       start from the image; without a prompt, its own prompt is used

Supported: InvokeAI 1 to 6, A1111, Forge and SD.Next, ComfyUI workflows, Fooocus, NovelAI, stable-diffusion.cpp,
imaginAIry, mflux, kohya, Draw Things, SwarmUI and Easy Diffusion, in PNG, JPEG, WebP and GIF files, including metadata
hidden in the pixels. Conventions are converted (clip skip, inverted strengths, sampler names). Anything that a line
cannot express is listed: LoRAs, other weight syntax, additional passes, nodes. A model is used if one with the same
name or hash is known here. Paths found in files of other programs are never opened automatically.

Other programs generate noise differently: the same line gives a similar image, not an identical one."""

FIRST_TIME = "The bundled model draws shapes, things and simple landscapes: see !help models"

PROMPTS = """\
A prompt is plain text. These operators are available:

  a cat [blurry, ugly]                 avoid the words in brackets (same as --neg)
  a forest++ and a cat-                more forest, less cat; each + multiplies the weight by 1.1, each - by 0.9
  (a red boat)1.4 on the sea           weight several words; "a red boat"1.4 and (a red boat:1.4) are equivalent
  a boat.attend(1.4) on the sea        the same in the notation of InvokeAI 2; also (a red boat).attend(1.4)
  ("a cat", "a dog").blend(.3,.7)      blend the meanings of two prompts; must be the whole prompt
  ("a cat", "a house").and(1,.8)       a conjunction: prompts encoded one after the other
  a cat.swap(dog) on a chair           a dog in place of the cat, in the same layout; (black cat).swap(white dog)
  cat.swap(dog, t_end=.6, s_end=.2)    keep the words for .6 of the steps (default all), shapes for .2 (default .4)
  a {red|green|blue} cat               one image per option, all with the same seed
  a {?red|green|blue} cat              a random option, chosen by the seed of each image
  a {__colours__} cat                  each line of wildcards/colours.txt in your root; {?__colours__} picks one
  a photo of <cat-toy>                 an embedding (textual inversion) from the embeddings folder in your root
  a cat withLora(film,0.8)             a LoRA from the loras folder in your root, like --lora film:0.8

Operators count only at the end of a word, bracket or quotation: it--was and (cat) are plain text. A backslash escapes
one character: \\{a|b\\}, C\\+\\+. Prompts longer than 75 tokens are encoded in several parts; -t shows them.
Weights from 0 to about 1.6 are useful. Each image stores the prompt that was chosen, so that it can be reproduced.
Models with a language model as text encoder, such as FLUX, support no weights, blends or swaps.
--prompt_syntax a1111 reads prompts as A1111 does: (x) is 1.1, [x] 1/1.1, (x:1.3) 1.3, BREAK begins a new part."""

SEARCH = """\
!search finds images by words and conditions. All of them must match:

  !search fox "oil painting"                  matches parts of words, ignoring case
  !search strength>0.5 steps<=20 C:7.5        any switch, by name or letter, with < <= > >= = or :
  !search model:xl sampler:euler              for text, : matches a part
  !search since:yesterday before:2026-01-31   today, yesterday, 12h, 3d, 2w, or a date
  !search tag:good rating>=4                  as set by !tag and !rate

!history accepts the same conditions as switches: !history 50 --tag good --since 3d. Refer to the results by number:
-I !17, !17 (edit its line), !fetch 17 prompt, !tree 17, !compare 17 18, !save 17 18 ~/pictures.
!reindex rebuilds the history from the images; ratings and tags are stored in a separate file."""

EXPLORE = """\
Explore with few steps and small images, and finish only the best result:

  a lighthouse -s 12 -n 6               several seeds (!help variations for images close to one)
  !sweep a lighthouse -C 4,8 -A ddim,k_euler     every combination of settings (!help sweeps)
  !ladder oil painting -I sketch.png    strengths 0.1 to 1, each with its distance from the init image
  !again -f+.1                          the last line with one value changed; in a chain -f+.1@2 changes stage 2
  !final 12 -s 50                       image 12 with its seed and more steps
  !compare 16 17                        init image, steps and result side by side; --strips for the steps alone
  !grid 3 7 9, !contact session         images with their names; a contact sheet"""

SWEEPS = """\
!sweep generates every combination of what has several values in a line, each as a numbered image, and a labelled grid:

  !sweep a castle -f .3,.5,.8 -C 5..11:3 -I sketch.png     lists, and ranges with their end
  !sweep a {red|blue} house -s 10,20,40 --neg ugly,dull    alternatives in the prompt or any value, and words
  !sweep a cat -m sketchbook,sd15 -A ddim,k_euler          models and samplers
  !sweep a cat --lora film,ink:0.5 -n 3                    LoRAs, and three seeds
  !sweep oil painting -I photos/*.jpg                      the images of a pattern or a folder

The last two are the columns and rows of the grid; there is a block for each combination of the others. All images share
one seed unless -S or -n sets several. A quoted value is not split at commas. Cells with the same settings are generated
once. A table (.csv) and a page (.html) are saved next to the grid.
--dry_run only shows the lines. To resume an interrupted sweep, type the same line again.

In a line without !sweep, {a|b}, -n, seed lists and folders generate the same images without a grid, and -f .6,.4,.2
refines one image in stages."""

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
    "sweeps": SWEEPS,
    "variations": VARIATIONS,
    "trouble": TROUBLE,
    "recall": RECALL,
    "models": MODELS,
    "recipes": recipes_page(),
}
