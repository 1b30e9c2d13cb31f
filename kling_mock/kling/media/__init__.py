"""Real files for finished tasks; the videos play, seek and have the requested length.

    from kling_mock.kling.media.card import Card
    from kling_mock.kling.media.clip import render
    from kling_mock.kling.media.sizes import frame_size

    card = Card("text2video", "kling-v3", task_id)
    size = frame_size("pro", "16:9")
    clip = render(*size, fps=30, seconds=5, sound=True, tag=video_id, card=card)
    clip.size, clip.etag, clip.read(0, 1024)

Pure and deterministic: the same arguments give the same bytes. The picture tells what the video is,
and counts its seconds; it is drawn and encoded here, when the file is first fetched. The sound is a
soft note per second.

What Kling documents (std is 720p, pro is 1080p, 4k; aspect ratios 16:9, 9:16, 1:1; 3 to 15
seconds) is kept; the sound of a longer video, such as an extended one, begins again after 15
seconds. Assumed, because no source states it:

* 1:1 has the short side of its mode: 720x720, 1080x1080, 2160x2160.
* 4k is 3840x2160 and not the 4096 pixels of cinema.
* the rate is exactly 24 or 30 frames per second, not 23.976 or 29.97.
* the codecs are H.264 High and mono AAC-LC at 48 kHz; a silent task has no audio track.
"""
