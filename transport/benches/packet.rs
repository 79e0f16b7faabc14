//! What headers and frames cost to write and read, next to the seal.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sealane_transport::packet::{
    AckRepr, CLEAR_HEADER_LEN, ClearHeader, DataHeader, Frame, FrameReader, FrameWriter,
};
use sealane_transport::{Lane, MessageId, SessionId, Tag};

const DATA: DataHeader = DataHeader {
    eager: false,
    ack_now: true,
    message: MessageId(77),
    tag: Tag(5),
    length: 1 << 30,
    offset: 1 << 20,
    immediate: 9,
};

fn clear_header(criterion: &mut Criterion) {
    let header = ClearHeader {
        generation: 1,
        lane: Lane(0),
        span: 100,
        session: SessionId(3),
        number: 1 << 40,
    };
    let mut packet = [0; CLEAR_HEADER_LEN];
    criterion.bench_function("clear header/encode", |bencher| {
        bencher.iter(|| black_box(&header).encode(black_box(&mut packet)));
    });
    criterion.bench_function("clear header/parse", |bencher| {
        bencher.iter(|| ClearHeader::parse(black_box(&packet)));
    });
}

fn data(criterion: &mut Criterion) {
    let mut packet = vec![0; 9001];
    criterion.bench_function("data/write", |bencher| {
        bencher.iter(|| FrameWriter::new(black_box(&mut packet)).put_data_header(black_box(&DATA)));
    });
    let plaintext = &packet[..32 + 8832];
    criterion.bench_function("data/read", |bencher| {
        bencher.iter(|| FrameReader::new(black_box(plaintext)).filter(Result::is_ok).count());
    });
}

fn acks(criterion: &mut Criterion) {
    let mut packet = vec![0; 2048];
    for words in [1, 8, 64] {
        let received = vec![0x5555_aaaa_5555_aaaa; words];
        let ack = AckRepr {
            lane: Lane(0),
            delay: 1000,
            base: 1 << 40,
            ce_total: 0,
            received: &received,
            ce: &[],
        };
        criterion.bench_function(&format!("ack/write {words} words"), |bencher| {
            bencher.iter(|| FrameWriter::new(black_box(&mut packet)).put_ack(black_box(&ack)));
        });
        let mut writer = FrameWriter::new(&mut packet);
        writer.put_ack(&ack);
        let plaintext = packet[..sealane_transport::packet::ack_len(words, false)].to_vec();
        criterion.bench_function(&format!("ack/read {words} words"), |bencher| {
            bencher.iter(|| {
                FrameReader::new(black_box(&plaintext))
                    .filter_map(Result::ok)
                    .map(|frame| match frame {
                        Frame::Ack(ack) => ack.words().map(u64::count_ones).sum::<u32>(),
                        _ => 0,
                    })
                    .sum::<u32>()
            });
        });
    }
}

criterion_group!(benches, clear_header, data, acks);
criterion_main!(benches);
