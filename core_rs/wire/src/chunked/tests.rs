//! Chunks: any split of a stream gives the same payload, and that is what a naive decoder of the whole stream gives.

use proptest::prelude::*;

use super::*;

/// Feeds `stream` in pieces of the given sizes (the last one repeated), as a reader would.
fn decode_in_pieces(stream: &[u8], sizes: &[usize]) -> Result<(Vec<u8>, usize, bool), ChunkError> {
    let (mut decoder, mut payload, mut at) = (Decoder::new(), Vec::new(), 0);
    let mut sizes = sizes.iter().copied().chain(std::iter::repeat(*sizes.last().unwrap()));
    while at < stream.len() && !decoder.is_done() {
        let mut piece = stream[at..stream.len().min(at + sizes.next().unwrap())].to_vec();
        let before = piece.clone();
        let progress = decoder.decode(&mut piece)?;
        assert_eq!(&piece[progress.consumed..], &before[progress.consumed..], "bytes of the next message were touched");
        assert!(progress.done || progress.consumed == piece.len(), "bytes were left behind");
        payload.extend_from_slice(&piece[..progress.payload]);
        at += progress.consumed;
    }
    Ok((payload, at, decoder.is_done()))
}

/// The oracle: reads a whole, valid stream line by line.
fn naive(stream: &[u8]) -> Vec<u8> {
    let (mut rest, mut payload) = (stream, Vec::new());
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let line = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(line.split(';').next().unwrap(), 16).unwrap();
        if size == 0 {
            return payload;
        }
        payload.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
}

fn chunk(size: &str, payload: &[u8]) -> Vec<u8> {
    [size.as_bytes(), b"\r\n", payload, b"\r\n"].concat()
}

prop_compose! {
    fn streams()(
        chunks in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..80), 0..4_usize), 0..8),
        trailers in prop::collection::vec("[a-z]{1,8}: [ -~]{0,20}", 0..3),
    ) -> Vec<u8> {
        let mut stream = Vec::new();
        for (payload, style) in chunks {
            let size = match style {
                0 => format!("{:x}", payload.len()),
                1 => format!("{:X}", payload.len()),
                2 => format!("{:06x}", payload.len()),
                _ => format!("{:x};name=\"value; more\"", payload.len()),
            };
            stream.extend(chunk(&size, &payload));
        }
        stream.extend_from_slice(b"0\r\n");
        for trailer in trailers {
            stream.extend_from_slice(trailer.as_bytes());
            stream.extend_from_slice(b"\r\n");
        }
        stream.extend_from_slice(b"\r\n");
        stream
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_payload_of_a_naive_decoder(
        stream in streams(),
        sizes in prop::collection::vec(1..40_usize, 1..20),
        next in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let expected = naive(&stream);
        let followed = [stream.as_slice(), &next].concat();
        for sizes in [sizes.as_slice(), &[1], &[usize::MAX >> 1]] {
            let (payload, consumed, done) = decode_in_pieces(&followed, sizes).unwrap();
            prop_assert_eq!(&payload, &expected);
            prop_assert!(done);
            prop_assert_eq!(consumed, stream.len());
        }
    }

    #[test]
    fn no_prefix_of_a_stream_is_an_end(stream in streams(), at in any::<prop::sample::Index>()) {
        let cut = at.index(stream.len());
        let (payload, _, done) = decode_in_pieces(&stream[..cut], &[7]).unwrap();
        prop_assert!(!done);
        prop_assert!(naive(&stream).starts_with(&payload));
    }

    /// Whatever comes, however it is split: the same verdict and the same payload up to it.
    #[test]
    fn splits_never_change_the_verdict(
        bytes in prop::collection::vec(prop::sample::select(b"0123aF;\r\n :x\0".to_vec()), 0..60),
        sizes in prop::collection::vec(1..9_usize, 1..9),
    ) {
        let whole = decode_in_pieces(&bytes, &[usize::MAX >> 1]);
        let split = decode_in_pieces(&bytes, &sizes);
        prop_assert_eq!(whole, split);
    }

    #[test]
    fn a_size_line_reads_back(size in any::<usize>()) {
        let mut buffer = [0; 18];
        let line = std::str::from_utf8(size_line(size, &mut buffer)).unwrap().to_owned();
        prop_assert_eq!(line, format!("{size:x}\r\n"));
    }
}

#[test]
fn illegal_framing_is_refused() {
    let refused: &[&[u8]] = &[
        b"\r\n",
        b"x\r\n",
        b"0x21\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b" 5\r\n",
        b"5 \r\n",
        b"5\n",
        b"5\r5",
        b"5;a\nb",
        b"5;\0\r\n",
        b"5\r\nhello\n",
        b"5\r\nhello!",
        b"5\r\nhelloX\r\n",
        b"10000000000000000\r\n",
        b"0000000000000001\r\n",
        b"0\r\n\n",
        b"0\r\nX\r\n\r\n",
        b"0\r\n X: y\r\n\r\n",
        b"0\r\nX: y\n\r\n",
        b"0\r\nX: \0\r\n\r\n",
        b"0\r\n\rX",
    ];
    for stream in refused {
        assert!(decode_in_pieces(stream, &[1]).is_err(), "{:?}", String::from_utf8_lossy(stream));
        assert!(decode_in_pieces(stream, &[100]).is_err(), "{:?}", String::from_utf8_lossy(stream));
    }
}

#[test]
fn after_an_error_nothing_is_believed() {
    let mut decoder = Decoder::new();
    assert!(decoder.decode(&mut b"x".to_vec()).is_err());
    assert!(decoder.decode(&mut b"0\r\n\r\n".to_vec()).is_err());
    assert!(!decoder.is_done());
}

#[test]
fn extensions_and_trailers_are_bounded() {
    let extensions = [b"1;".as_slice(), &vec![b'a'; 17 << 10], b"\r\nx\r\n"].concat();
    assert!(decode_in_pieces(&extensions, &[1000]).is_err());
    let many = b"1;abcdefghijklmnop\r\nx\r\n".repeat(1100);
    assert!(decode_in_pieces(&many, &[1000]).is_err(), "the bound is on their sum");
    let trailers = [b"0\r\nx: ".as_slice(), &vec![b'a'; 9 << 10], b"\r\n\r\n"].concat();
    assert!(decode_in_pieces(&trailers, &[1000]).is_err());
}

#[test]
fn an_idle_decoder_is_small() {
    assert!(size_of::<Decoder>() <= 24);
}
