//! What a damage is called, and how bad it is.

use sv2_core::{Damage, DamageMap, Fault, Unit};

use crate::exit::Exit;

/// What kind of damage it is, the least grave first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A damaged checksum over data that the key showed to be authentic.
    ChecksumOnly,
    /// A checksum that does not match its bytes.
    Checksum,
    /// Two parts of the stream that say different things.
    Contradiction,
    /// A part that is not there.
    Missing,
    /// A field that no writer produces, under a checksum that holds.
    Malformed,
    /// Bytes that are not what the holder of the key wrote.
    Authentication,
}

impl Kind {
    /// Every kind, for legends.
    pub(super) const ALL: [Self; 6] = [
        Self::ChecksumOnly,
        Self::Checksum,
        Self::Contradiction,
        Self::Missing,
        Self::Malformed,
        Self::Authentication,
    ];

    pub(super) fn of(damage: &Damage, authenticated: bool) -> Self {
        match damage.fault {
            Fault::Checksum => Self::Checksum,
            Fault::ChecksumOnly => Self::ChecksumOnly,
            Fault::Authentication => Self::Authentication,
            Fault::Malformed(_) => Self::Malformed,
            Fault::Missing => Self::Missing,
            // Under a key these are what the seal covers, and a whole decrypt refuses them; what
            // footers and the header copy say is covered by nothing but their checksums.
            Fault::Disagrees(_)
                if authenticated && matches!(damage.unit, Unit::Index | Unit::Segment { .. }) =>
            {
                Self::Authentication
            }
            Fault::Disagrees(_) => Self::Contradiction,
            // A fault that this program does not know is no reason to believe the stream.
            _ => Self::Malformed,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::ChecksumOnly => "checksum mismatch over authentic data",
            Self::Checksum => "checksum mismatch",
            Self::Contradiction => "contradiction",
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Authentication => "authentication failure",
        }
    }

    /// Its cell in a picture of characters.
    pub(super) fn symbol(self) -> char {
        match self {
            Self::ChecksumOnly => '+',
            Self::Checksum => 'x',
            Self::Contradiction => '?',
            Self::Missing => '_',
            Self::Malformed => '#',
            Self::Authentication => '!',
        }
    }

    /// Whether no accident explains it.
    fn is_grave(self) -> bool {
        self >= Self::Malformed
    }
}

/// Which fields are meant, where the kind does not say it.
pub(super) fn detail(damage: &Damage) -> Option<String> {
    match damage.fault {
        Fault::Disagrees(what) => Some(format!("{what} differ")),
        Fault::Malformed(what) => Some(what.to_owned()),
        _ => None,
    }
}

/// The units of a damage in words.
pub(super) fn units(damage: &Damage) -> String {
    match (damage.unit, damage.last) {
        (first, last) if first == last => first.to_string(),
        (Unit::Frame { segment, frame }, Unit::Frame { segment: last_of, frame: last })
            if segment == last_of =>
        {
            format!("frames {frame} to {last} of segment {segment}")
        }
        (first, last) => format!("{first} to {last}"),
    }
}

/// How a checked stream ends the program; `None` where it is sound.
pub(super) fn exit_of(map: &DamageMap) -> Option<Exit> {
    let grave = |damage: &Damage| {
        // A trailer that contradicts the length means that bytes are missing or too many.
        let cut = matches!((damage.unit, damage.fault), (Unit::Trailer, Fault::Disagrees(_)));
        cut || Kind::of(damage, map.authenticated).is_grave()
    };
    let is_hidden = map.trailing.is_some() && !map.by_place;
    if !map.sealed || is_hidden || map.entries().any(grave) {
        Some(Exit::Untrusted)
    } else if map.is_undamaged() {
        None
    } else {
        Some(Exit::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_symbol_and_words() {
        for (at, one) in Kind::ALL.iter().enumerate() {
            for other in &Kind::ALL[at + 1..] {
                assert_ne!(one.symbol(), other.symbol());
                assert_ne!(one.words(), other.words());
            }
        }
    }
}
