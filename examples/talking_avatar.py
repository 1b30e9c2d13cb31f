"""A text becomes a video of a person who says it: text-to-speech, then an avatar.

    python examples/talking_avatar.py "Good morning, and welcome to the show."
    python examples/talking_avatar.py --picture me.png --voice uk_man2 "Good morning."

Both run against a Kling inside this program, where the voice is a tone. With `--real` they go to
the real one: that costs units, takes a quarter of an hour, and needs KLING_ACCESS_KEY and
KLING_SECRET_KEY, or KLING_API_KEY. The files go to `videos/`, or to the folder given by `--out`.
"""

from __future__ import annotations

import argparse
import base64
import sys
from pathlib import Path

from kling_mock import KlingMock
from kling_sdk import Avatar, Kling, KlingError, TextToSpeech

# A 320 x 320 PNG of one colour, so that the example needs no other file.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAUAAAAFAAQMAAAD3XjfpAAAABlBMVEU8eFoAAAC7zTrRAAAAI0lEQVR42u3BAQ0A"
    "AADCoPdPbQ8HFAAAAAAAAAAAAAAAAPwaM0AAAWQoMfMAAAAASUVORK5CYII="
)
TEXT = "Good morning, everybody, and welcome to the show. Today we talk about the weather."


def make_avatar(kling: Kling, text: str, voice: str, picture: Path | bytes, folder: Path) -> None:
    """Speak a text, let the person in a picture say it, and print the outcome."""
    # Sent once, and charged at once: the id of its sound is good for 30 days, so keep it.
    speech = kling.tts.submit(TextToSpeech(text=text, voice_id=voice, voice_language="en"))
    spoken = kling.download(speech.audio, folder / "speech.mp3")
    print(f"spoken: {speech.audio.duration} s, {speech.units} units, {spoken.path}")

    request = Avatar(image=picture, audio_id=speech.audio.id, prompt="She looks at the camera.")
    task = kling.avatar.submit(request)
    task = kling.avatar.wait(task)
    file = kling.download(task.videos[0], folder / "avatar.mp4")
    print(f"avatar: {task.videos[0].duration} s, {task.units} units, {file.path}")


def main() -> int:
    """Run the example; return 0 when the video is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("text", nargs="?", default=TEXT, help="what is said, in English")
    parser.add_argument("--voice", default="oversea_male1", help="who says it (oversea_male1)")
    parser.add_argument("--picture", type=Path, help="a PNG or JPEG of the person")
    parser.add_argument("--real", action="store_true", help="call the real service (costs units)")
    parser.add_argument("--out", type=Path, default=Path("videos"), help="folder for the files")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    picture = given.picture or PICTURE
    try:
        if given.real:
            with Kling() as kling:
                make_avatar(kling, given.text, given.voice, picture, given.out)
        else:
            with KlingMock() as mock, mock.client() as kling:
                make_avatar(kling, given.text, given.voice, picture, given.out)
    except (KlingError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
