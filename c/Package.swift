// swift-tools-version:5.5
import PackageDescription

let package = Package(
    name: "linguagen",
    products: [.library(name: "linguagen", targets: ["linguagen"])],
    targets: [
        .target(
            name: "linguagen",
            path: ".",
            sources: [
                "codes.c", "embed.c", "encode.c", "kernels.c", "kernels_avx2.c", "kernels_neon.c", "kernels_wasm.c",
                "search.c", "sieve.c", "table.c", "text.c", "trellis.c",
            ],
            publicHeadersPath: "."
        )
    ],
    cLanguageStandard: .c11
)
