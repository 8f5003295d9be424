//! What an opening asks for, and which header it takes.

use sv2_crypto::{Backend, RandomSource, RootKeys};
use sv2_headers::Section;
use sv2_stream::{
    Depth, FormatError, KeyedHeader, NewHeader, OpenedStream, Opening, OpeningOptions, Step,
    StreamSealer, fitting, signed_in,
};
use sv2_testkit::reference::Params;
use sv2_testkit::reference::forge::reseal_trailer;

use crate::support::{Feed, KEY, key, open_counted, stream};

/// F-804: trailer and the front's first bytes, then both headers, then the page table.
#[test]
fn a_sparing_opening_asks_for_what_it_needs_in_the_order_of_the_checks() {
    let params = Params { header_len: 8192, ..Params::tiny(1, 0, 0) };
    let object = stream(&params, 3000 * 256);
    let len = object.len() as u64;
    let (opened, asked) = open_counted(&object, &KEY, b"", OpeningOptions::sparing(), Feed::Whole);
    opened.expect("a sound stream");
    let table = len - 128 - 3 * 32;
    let copy = table - 3000 * 32 - 8192;
    // The page table is short enough to come with the headers.
    assert_eq!(
        asked,
        [vec![0..96, len - 128..len], vec![96..8192, copy..copy + 8192, table..len - 128],]
    );
}

#[test]
fn a_small_object_is_asked_for_once_and_whole() {
    let object = stream(&Params::tiny(1, 0, 0), 5000);
    let (opened, asked) = open_counted(&object, &KEY, b"", OpeningOptions::standard(), Feed::Whole);
    let stream = opened.expect("a sound stream");
    assert_eq!(asked, [vec![0..object.len() as u64]]);
    assert!(stream.known_page(0).is_some(), "the index came with it");
}

#[test]
fn what_was_not_asked_for_is_refused() {
    let object = stream(&Params::tiny(1, 0, 0), 500);
    let mut opening = Opening::new(object.len() as u64, OpeningOptions::standard());
    let early = opening.supply_key(&key(), b"");
    assert!(matches!(early, Err(FormatError::Misuse(_))), "before a header is there");
    opening.supply(0, &object);
    assert!(matches!(opening.step(), Ok(Step::Key(_))));
    assert!(matches!(opening.step(), Ok(Step::Key(_))), "it is asked until it is answered");
    opening.supply_key(&key(), b"other").expect("it was asked for");
    assert!(matches!(opening.step(), Err(FormatError::WrongKeyOrContext)));
    assert!(matches!(opening.step(), Err(FormatError::Misuse(_))), "the opening is over");
    assert!(matches!(opening.finish(), Err(FormatError::Misuse(_))));
}

/// F-704: the page table of a stream without pages is judged as any other.
#[test]
fn an_opening_that_stops_at_the_lengths_knows_no_page_table() {
    let mut object = stream(&Params::tiny(1, 0, 0), 0);
    let at = object.len() - 128;
    object[at + 50] ^= 1;
    let header = object[..256].to_vec();
    reseal_trailer(&KEY, b"", &header, &mut object[at..]);
    let open = |depth| {
        let options = OpeningOptions::standard().depth(depth);
        open_counted(&object, &KEY, b"", options, Feed::Whole).0
    };
    let opened = open(Depth::Lengths).expect("nothing before the page table is wrong");
    assert_eq!(opened.page_table(), None);
    let refused = [opened.check_page_table(&[]).err(), open(Depth::PageTable).err()];
    for error in refused {
        assert!(matches!(error, Some(FormatError::AuthenticationFailed { .. })), "{error:?}");
    }
}

/// A slotted stream of one segment whose front header has other slots than its copy: a rewrite
/// that stopped between the two.
struct HalfRewritten {
    object: Vec<u8>,
    keys: RootKeys,
}

fn slot(id: u8) -> Section {
    Section { kind: 1, body: vec![0x80, 0, id] }
}

impl HalfRewritten {
    fn new(front_revision: u64) -> Self {
        let slots = [slot(b'a')];
        let new = NewHeader { slots: &slots, ..NewHeader::standard() };
        let keyed = KeyedHeader::create(&key(), &new, &RandomSource::System).expect("a header");
        let keys = RootKeys::derive(&key(), &keyed.header.core(), b"");
        let mut front = keyed.header.clone();
        front.revision = front_revision;
        front.sections = vec![slot(b'b')];
        let front = signed_in(keyed.bytes.len(), &mut front, &keys).expect("a header");
        let sealer = StreamSealer::under(keyed, &RandomSource::System, Backend::Ring);
        let (wire, receipt) = sealer.seal(0, b"plaintext").expect("a segment");
        let (tail, _) = sealer.finish(vec![receipt]).expect("a tail");
        Self { object: [front, wire, tail].concat(), keys }
    }

    /// Opens it with an opener that knows the key of one slot, and counts what it is asked.
    fn open(&self, id: u8) -> (Result<OpenedStream, FormatError>, usize) {
        let mut opening = Opening::new(self.object.len() as u64, OpeningOptions::standard());
        let mut asked = 0;
        let opened = loop {
            match opening.step() {
                Ok(Step::Bytes(ranges)) => {
                    for range in ranges {
                        let bytes = &self.object[range.start as usize..range.end as usize];
                        opening.supply(range.start, bytes);
                    }
                }
                Ok(Step::Key(header)) => {
                    asked += 1;
                    let keys = match header.sections.contains(&slot(id)) {
                        true => fitting(&key(), header, b"").ok_or(FormatError::WrongKeyOrContext),
                        false => Err(FormatError::NoKeyFits { source: None }),
                    };
                    opening.supply_keys(keys).expect("it was asked for");
                }
                Ok(_) => break opening.finish(),
                Err(error) => break Err(error),
            }
        };
        (opened, asked)
    }
}

/// F-328, F-807: the key of the copy's slot opens the newer front header, whose own slots are
/// somebody else's.
#[test]
fn a_key_that_the_copy_gave_is_tried_on_the_front() {
    let stream = HalfRewritten::new(1);
    let (opened, asked) = stream.open(b'a');
    let opened = opened.expect("the copy has the slot");
    assert_eq!((opened.header().revision, opened.keyed.offset, asked), (1, 0, 2));
    assert_eq!(opened.keyed.keys.commitment(), stream.keys.commitment());
}

/// F-328: one derivation serves both headers.
#[test]
fn a_key_that_the_front_gave_opens_the_copy_without_another_question() {
    let (opened, asked) = HalfRewritten::new(1).open(b'b');
    assert_eq!((opened.expect("the front has the slot").header().revision, asked), (1, 1));
}

/// F-808
#[test]
fn a_stream_whose_slots_all_stay_shut_has_the_error_of_its_front() {
    let (opened, asked) = HalfRewritten::new(1).open(b'c');
    assert!(matches!(opened, Err(FormatError::NoKeyFits { .. })), "{opened:?}");
    assert_eq!(asked, 2);
}
