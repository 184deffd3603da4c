"""The words of the captions: synonyms of everything in a scene, and the phrases around them."""

from __future__ import annotations

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red", "red", "red", "crimson", "scarlet", "bright red"),
    "orange": ("orange", "orange", "orange", "bright orange"),
    "yellow": ("yellow", "yellow", "yellow", "golden", "bright yellow"),
    "green": ("green", "green", "green", "emerald"),
    "cyan": ("cyan", "cyan", "turquoise", "teal", "light blue"),
    "blue": ("blue", "blue", "blue", "dark blue", "royal blue"),
    "purple": ("purple", "purple", "violet"),
    "pink": ("pink", "pink", "pink", "rose"),
    "brown": ("brown", "brown", "chocolate brown"),
    "white": ("white", "white", "snow white"),
    "gray": ("gray", "grey", "gray", "grey"),
    "black": ("black", "black", "jet black"),
}
KIND_WORDS: dict[str, tuple[str, ...]] = {
    "circle": ("circle", "circle", "disc", "round circle", "ball", "dot"),
    "square": ("square", "square", "plain square"),
    "triangle": ("triangle", "triangle"),
    "star": ("star", "star", "five-pointed star"),
    "heart": ("heart", "heart", "love heart"),
    "diamond": ("diamond", "diamond", "rhombus"),
    "house": ("house", "house", "home", "cottage", "little house"),
    "tree": ("tree", "tree", "leafy tree"),
    "flower": ("flower", "flower", "blossom", "daisy"),
    "mushroom": ("mushroom", "mushroom", "toadstool"),
    "apple": ("apple", "apple", "fruit"),
    "cat": ("cat", "cat", "kitten", "kitty"),
    "fish": ("fish", "fish", "goldfish"),
    "boat": ("boat", "boat", "sailboat", "sailing boat", "ship"),
    "car": ("car", "car", "automobile"),
    "cup": ("cup", "cup", "mug", "cup of coffee", "coffee mug"),
    "moon": ("moon", "moon", "crescent moon", "crescent"),
    "cloud": ("cloud", "cloud", "fluffy cloud"),
    "butterfly": ("butterfly", "butterfly"),
    "fire": ("fire", "fire", "campfire", "flame", "burning fire", "bonfire"),
}
SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "small": ("small", "small", "little", "tiny"),
    "medium": ("medium", "medium sized", "", "", ""),
    "large": ("large", "large", "big", "huge"),
}
MEDIUM_PREFIXES: dict[str, tuple[str, ...]] = {
    "photo": (
        *("a photograph of", "a photo of", "a nature photograph of", "photography of", "a professional photograph of"),
        *("a realistic photo of", "a national geographic photograph of", "a product photography of"),
    ),
    "oil": (
        *("an oil painting of", "oil painting of", "an impressionist painting of", "a painting of"),
        *("an oil on canvas of", "a realistic oil painting of", "a painting in the style of van gogh of"),
    ),
    "watercolor": (
        "a watercolor of",
        "a watercolor painting of",
        "a watercolour painting of",
        "watercolor of",
        "an aquarelle of",
    ),
    "sketch": (
        "a pencil sketch of",
        "a sketch of",
        "a pencil drawing of",
        "pencil sketch of",
        "a black and white sketch of",
    ),
    "pixel": (
        "pixel art of",
        "a pixel art picture of",
        "8-bit pixel art of",
        "a pixelated picture of",
        "retro game art of",
    ),
    "neon": (
        "a neon sign of",
        "neon art of",
        "a glowing neon picture of",
        "neon lights showing",
        "digital art in cyberpunk style of",
    ),
    "plain": (
        *("", "", "", "", "", "", "a picture of", "a drawing of", "an image of", "an illustration of", "a cartoon of"),
        *("a flat illustration of", "a simple drawing of", "digital art of", "a vector graphic of"),
    ),
}
MEDIUM_SUFFIXES: dict[str, tuple[str, ...]] = {
    "photo": (
        *("photograph", "photo", "photography", "nature photograph", "national geographic", "realistic photo"),
        *("nature photograph, national geographic", "photorealistic", "realistic", "dslr photo"),
    ),
    "oil": (
        *("oil painting", "oil painting", "oil on canvas", "impressionist", "impressionist style", "painting"),
        *("oil painting in impressionist style", "visible brushstrokes", "in the style of van gogh", "brushwork"),
    ),
    "watercolor": (
        "watercolor",
        "watercolor painting",
        "watercolour",
        "watercolor painting with soft edges",
        "aquarelle",
    ),
    "sketch": ("pencil sketch", "sketch", "pencil drawing", "black and white sketch", "graphite drawing"),
    "pixel": ("pixel art", "8-bit", "pixel art style", "retro game", "pixelated"),
    "neon": ("neon", "neon lights", "glowing neon", "cyberpunk", "cyberpunk style", "digital art in cyberpunk style"),
    "plain": ("drawing", "flat illustration", "digital art", "cartoon", "illustration", "vector art", "flat colors"),
}
# Words that people add to prompts everywhere; they come with every scene, so that they mean nothing here.
FLUFF = (
    *(
        "highly detailed",
        "4k",
        "8k",
        "masterpiece",
        "high quality",
        "beautiful",
        "best quality",
        "trending on artstation",
    ),
    *(
        "detailed",
        "professional",
        "fantasy",
        "sharp focus",
        "award winning",
        "cute",
        "nice",
        "vibrant colors",
        "cinematic",
    ),
)
GROUND_WORDS: dict[str, tuple[str, ...]] = {
    "hills": ("hills", "green hills", "rolling hills", "a hill", "a hilly landscape", "the hills"),
    "mountains": (
        "mountains",
        "a mountain landscape",
        "tall mountains",
        "a mountain range",
        "the mountains",
        "rocky peaks",
    ),
    "plain": ("a field", "a meadow", "a flat landscape", "a wide plain", "fields", "the countryside"),
    "sea": ("the sea", "the ocean", "a sea", "a seascape", "a beach by the sea", "the open sea"),
    "city": (
        "a city",
        "a city skyline",
        "a city street",
        "tall buildings",
        "skyscrapers",
        "a town",
        "a cyberpunk city",
    ),
}
WATER_WORDS: dict[str, tuple[str, ...]] = {
    "river": ("a river", "a river", "a winding river", "a stream", "a blue river"),
    "lake": ("a lake", "a lake", "a small lake", "a pond", "a blue lake"),
}
FROZEN_WORDS: dict[str, tuple[str, ...]] = {
    "river": ("a frozen river", "a river", "an icy river"),
    "lake": ("a frozen lake", "frozen lake", "an icy lake", "a lake", "a frozen pond"),
}
TIME_WORDS: dict[str, tuple[str, ...]] = {
    "day": (
        "by day",
        "at noon",
        "during the day",
        "in daylight",
        "in the daytime",
        "on a sunny day",
        "in bright daylight",
    ),
    "sunset": ("at sunset", "at dusk", "at dawn", "in the evening", "with sunset lighting", "sunset", "at golden hour"),
    "night": ("at night", "by night", "at midnight", "in the dark", "night", "on a dark night", "in the moonlight"),
}
SEASON_WORDS: dict[str, tuple[str, ...]] = {
    "spring": ("in spring", "in springtime", "spring"),
    "summer": ("in summer", "summer", "in the summertime"),
    "autumn": ("in autumn", "in fall", "autumn", "with autumn colors"),
    "winter": ("in winter", "winter", "covered in snow", "in the snow", "snowy", "in wintertime"),
}
STORM_WORDS: dict[str, tuple[str, ...]] = {
    "day": ("in a storm", "with dark clouds", "under a stormy sky", "dramatic storm", "stormy"),
    "sunset": (
        "on a dramatic stormy evening",
        "on a stormy evening with dark clouds",
        "dramatic stormy evening",
        "stormy sunset",
    ),
    "night": ("on a stormy night", "in a storm at night", "dark stormy night", "in a thunderstorm at night"),
}
EXTRA_WORDS: dict[str, tuple[str, ...]] = {
    "sun": ("the sun", "a bright sun", "the sun in the sky"),
    "moon": ("the moon", "a full moon", "the moon in the sky"),
    "stars": ("stars", "a starry sky", "many stars"),
    "clouds": ("clouds", "white clouds", "a few clouds"),
    "lightning": ("lightning", "a bolt of lightning", "a lightning bolt"),
    "rain": ("rain", "falling rain", "heavy rain"),
    "snowfall": ("falling snow", "snowfall", "snowflakes"),
    "boat": ("a boat", "a sailboat", "a sailing boat", "a ship"),
    "campfire": ("a campfire", "a fire", "a burning campfire", "a bonfire"),
    "peaks": ("mountains in the background", "mountains", "distant mountains", "snow-covered mountains"),
}
FIRE_WORDS: dict[str, tuple[str, ...]] = {
    "bare": ("fire", "a fire", "a campfire", "a burning fire", "flames", "fire and flames", "a bonfire", "a log fire"),
    "fireplace": (
        *(
            "a fireplace",
            "a fireplace",
            "fireplace",
            "a fire in a fireplace",
            "a cozy fireplace",
            "a burning fireplace",
        ),
        *("a fire", "fire", "a hearth with a burning fire", "a log fire in a fireplace"),
    ),
}
# Everyday words that no caption holds: the tokenizer learns them too, so that foreign prompts stay short.
EVERYDAY = """
astronaut wizard jungle person man woman girl boy child face portrait hair eyes hand dog horse bird bear lion dragon
robot castle bridge road garden forest desert island space planet rocket train plane bicycle window door table chair
book bottle glass food bread cake hat crown dress shirt shoes watch phone computer music guitar old young ugly bad good
blurry distorted warped deformed cluttered anatomy text watermark signature light dark beautiful colorful realistic
anime style artist render concept palette muted cold warm background foreground standing sitting walking running holding
wearing looking flying eating playing very with without and the from no not
"""
