//! The native part of the Python package `stream_v2`: `stream_v2._native`.
//!
//! Functions and classes here are what Python sees, and their documentation is its `help()`.
//! The engine does the work, without the interpreter's lock; nothing here knows the format.

mod change;
mod damage;
mod error;
mod inspection;
mod keys;
mod opening;
mod options;
mod parity;
mod parts;
mod reader;
mod recipients;
mod repair;
mod run;
mod sans_io;
mod sink;
mod source;
mod streams;
mod writer;

use pyo3::prelude::*;

/// The native part of stream_v2.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::change::patches::rewrap_patches;
    #[pymodule_export]
    use crate::change::{RewrapReport, append, recover, rewrap, unfinished_change};
    #[pymodule_export]
    use crate::damage::{Damage, DamageMap, SalvageReport, salvage, scrub, verify};
    #[pymodule_export]
    use crate::inspection::{Inspection, fingerprint, inspect, object_checksum};
    #[pymodule_export]
    use crate::keys::{Key, register, unregister};
    #[pymodule_export]
    use crate::options::Report;
    #[pymodule_export]
    use crate::parity::{Protection, protect};
    #[pymodule_export]
    use crate::parts::{
        NativeCoordinator, NativePartSealer, NativeReceipt, job_ranges, part_crc64,
        scrub_stored_part,
    };
    #[pymodule_export]
    use crate::reader::NativeReader;
    #[pymodule_export]
    use crate::recipients::{Recipient, recipients};
    #[pymodule_export]
    use crate::repair::{RepairReport, repair};
    #[pymodule_export]
    use crate::sans_io::{NativeOpening, NativePlan, NativeStream};
    #[pymodule_export]
    use crate::streams::{decrypt, encrypt};
    #[pymodule_export]
    use crate::writer::NativeWriter;

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
