"""transformers' CLIP: its tokenizer, built offline from the vocabulary that comes with the program, and its names."""

import gzip


def byte_names():
    """GPT-2's printable stand-ins of the 256 bytes, in the order of their ids."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]


def clip_tokenizer(vocabulary):
    """`vocabulary`: the path of bpe_simple_vocab_16e6.txt.gz."""
    from transformers import CLIPTokenizer
    lines = gzip.decompress(vocabulary.read_bytes()).decode().split("\n")
    merges = [tuple(line.split()) for line in lines[1 : 1 + 49408 - 512 - 2]]
    names = byte_names()
    names += [name + "</w>" for name in names] + ["".join(merge) for merge in merges] + ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={name: i for i, name in enumerate(names)}, merges=merges)


def file_name(name):
    """transformers 5 drops the prefix of a CLIPTextModel; ours is that of the published files."""
    return name if name.startswith(("text_model.", "text_projection.")) else f"text_model.{name}"
