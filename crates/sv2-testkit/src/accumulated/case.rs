//! What a case draws before its damage.

use super::Attempt;
use super::draw::Draw;
use crate::reference::Params;
use crate::reference::primitives::{array, sha256};
use crate::vectors::Mode;

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// The stream key.
    pub key: [u8; 32],
    /// What a writer is given; the header length is always filled in.
    pub params: Params,
    /// Whether the header length is left to the writer.
    pub natural_header: bool,
    /// The plaintext.
    pub plaintext: Vec<u8>,
    pub(super) draw: Draw,
}

impl Case {
    /// The case with this number.
    pub fn draw(number: u64) -> Case {
        let mut draw = Draw::new(number);
        let (key, stream_salt) = (draw.array(), draw.array());
        let metadata_salt = draw.array();
        let (suite, digest) = (1 + draw.pick(2) as u8, draw.pick(3) as u8);
        let (mut frame_log2, mut frames_log2) = (8 + draw.pick(3) as u8, draw.pick(4) as u8);
        let len = if number % 500 == 499 {
            (frame_log2, frames_log2) = (8, 0);
            262_144 + draw.pick(1024)
        } else {
            let (frame, segment) = (1 << frame_log2, 1 << (frame_log2 + frames_log2));
            match draw.pick(3) {
                0 => (frame * draw.pick(9) + draw.pick(3)).saturating_sub(1),
                1 => (segment * draw.pick(4) + draw.pick(3)).saturating_sub(1),
                _ => draw.pick(4096),
            }
        };
        let plaintext = (0..len).map(|x| ((x % 251 + number) % 251) as u8).collect();
        let context = match draw.pick(2) {
            0 => {
                let len = draw.pick(40);
                draw.take(len)
            }
            _ => Vec::new(),
        };
        let slots = if draw.pick(3) == 0 { draw.pick(4) } else { 0 };
        let sections: Vec<(u16, Vec<u8>)> = (0..slots)
            .map(|_| {
                let kind = 2 + draw.pick(65_534) as u16;
                let len = draw.pick(50);
                (1, [&kind.to_be_bytes()[..], &draw.take(len)].concat())
            })
            .collect();
        let metadata = (draw.pick(3) == 0).then(|| {
            let filling = "y".repeat(draw.pick(100) as usize);
            format!(r#"{{"name":"case-{number}","user":{{"x":"{filling}"}}}}"#).into_bytes()
        });
        let sealed = metadata.iter().map(|text| 24 + text.len().next_multiple_of(64) + 16);
        let bodies = sections.iter().map(|(_, body)| body.len()).chain(sealed);
        let need: usize = 96 + 40 + bodies.map(|len| 6 + len).sum::<usize>();
        let need = need.next_multiple_of(64) as u32;
        let natural_header = draw.pick(2) == 0;
        let header_len = match natural_header {
            true => need.max(if slots > 0 { 4096 } else { 1024 }),
            false => need.max(256) + 64 * draw.pick(3) as u32,
        };
        let params = Params {
            frame_log2,
            frames_log2,
            slotted: slots > 0,
            header_len,
            stream_salt,
            context,
            sections,
            metadata: metadata.map(|text| (text, metadata_salt)),
            ..Params::new(suite, digest)
        };
        Case { key, params, natural_header, plaintext, draw }
    }

    /// The salt of a segment.
    pub fn salt(&self, index: u64, attempt: Attempt) -> [u8; 24] {
        let number = index.to_be_bytes();
        let last: &[u8] = if attempt == Attempt::Earlier { &[1] } else { &[] };
        array(&sha256(&[&self.params.stream_salt[..], &number, last].concat()), 0)
    }

    /// How the stream is read.
    pub(super) fn mode(&mut self) -> Mode {
        match self.draw.pick(8) {
            0..3 => Mode::Pipe,
            3..5 => Mode::Seekable,
            5 => {
                let offset = self.draw.pick(self.plaintext.len() as u64 + 10);
                let len = self.draw.pick(2 * self.params.layout().frame_size() + 10);
                Mode::Range { offset, len, trailer_now: None }
            }
            6 => Mode::Metadata,
            _ => Mode::Scrub,
        }
    }
}
