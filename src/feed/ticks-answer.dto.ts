/** The answer of `POST /v1/ticks`, as the OpenAPI page shows it; upload-tally.ts makes it. */
import { ApiProperty } from '@nestjs/swagger';
import { REJECT_REASON_NAMES, type RejectReason } from '#market-data';
import { REJECTED_LISTED_MAX, type UploadAnswer, type UploadRejection } from './upload-tally.js';

export class RejectionDto implements UploadRejection {
  @ApiProperty({ required: false, description: 'JSON and msgpack: place in the array, from 0.' })
  readonly index?: number;

  @ApiProperty({ required: false, description: 'NDJSON: number of the line in the whole upload, from 1.' })
  readonly line?: number;

  @ApiProperty({ enum: REJECT_REASON_NAMES })
  readonly reason!: RejectReason;

  @ApiProperty({ example: 'Expected bidPrice <= askPrice, was 190.14 > 190.13 (AAPL)' })
  readonly message!: string;
}

export class TicksAnswerDto implements UploadAnswer {
  @ApiProperty({ description: 'Ticks of this body that are stored.' })
  readonly accepted!: number;

  @ApiProperty({
    type: [RejectionDto],
    description: `The first ${REJECTED_LISTED_MAX}, in the order of the input.`,
  })
  readonly rejected!: readonly RejectionDto[];

  @ApiProperty({ description: 'All that were rejected.' })
  readonly rejectedTotal!: number;

  @ApiProperty({
    required: false,
    description: 'NDJSON: lines that are done with, from the beginning of the whole upload.',
  })
  readonly storedLines?: number;
}
