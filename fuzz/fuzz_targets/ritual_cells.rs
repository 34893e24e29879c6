//! No bytes make the decoders of blocks, dictionaries and intents panic; what one accepts is encoded as it will accept.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::testing::decoders::{
    decode_ritual_intent, pack_ritual_dictionary, reencode_ritual_block, unpack_ritual_dictionary,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(block) = reencode_ritual_block(bytes) {
        // Numbers have several forms, of which only the shortest is written.
        assert!(block.len() <= bytes.len());
        assert_eq!(reencode_ritual_block(&block).expect("a written block can be read"), block);
    }
    if let Ok(content) = unpack_ritual_dictionary(bytes) {
        let packed = pack_ritual_dictionary(&content).expect("what was unpacked can be packed");
        assert_eq!(unpack_ritual_dictionary(&packed).expect("what was packed can be unpacked"), content);
    }
    if let Ok(intent) = decode_ritual_intent(bytes) {
        let again = serde_json::to_vec(&intent).expect("an intent has a JSON form");
        assert_eq!(decode_ritual_intent(&again).expect("a written intent can be read"), intent);
    }
});
