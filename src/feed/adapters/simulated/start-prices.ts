/**
 * Where synthetic prices begin. The levels are round figures near which the well-known names have traded: they make a
 * demo readable and claim nothing about any day. The order is that of popularity; symbols that are not here get a
 * level and a sector by their name.
 */
import { hash32 } from '#market-data';
import { SECTORS, type Sector } from './market-factors.js';

const LEVELS: Readonly<Partial<Record<Sector, string>>> = {
  broad:
    'SPY 585, QQQ 510, IWM 225, DIA 435, VOO 538, VTI 290, IVV 588, EEM 43, EFA 77, GLD 245, SLV 28, TLT 92, HYG 79, ' +
    'LQD 109, BND 73, AGG 98, VEA 50, VWO 45, VNQ 92, USO 74, ARKK 55, TQQQ 78, SQQQ 31, UVXY 22, VXX 46, IEF 94, ' +
    'SHY 82, SCHD 28, VUG 400, VTV 172, RSP 180, MDY 580, IJH 63, IJR 118, XBI 95, SMH 245, SOXX 220, KRE 62, GDX 38, FXI 30, ' +
    'QQQM 210, EWZ 27, EWJ 68, UNG 14, JETS 24, SOXL 30, IBIT 52',
  technology:
    'NVDA 135, AAPL 228, MSFT 425, AMD 140, INTC 24, AVGO 175, ORCL 185, CRM 325, ADBE 515, CSCO 58, QCOM 160, TXN 200, ' +
    'MU 100, IBM 220, NOW 1020, INTU 655, AMAT 180, LRCX 75, ADI 215, KLAC 640, PANW 390, CRWD 355, SNPS 535, CDNS 305, ' +
    'MRVL 90, SMCI 35, DELL 135, HPQ 37, PLTR 62, SNOW 155, ANET 390, SHOP 105, XLK 230, ARM 135, TSM 190, ASML 680, ' +
    'MSTR 330, DDOG 140, NET 95, ZS 200, FTNT 95, WDAY 260, TEAM 245, HPE 21, NXPI 225, MCHP 68, ON 70, APH 72, ACN 360, ' +
    'ADP 300, ROP 560, ADSK 300, PAYX 142, CTSH 79, CSGP 75, MDB 280, GFS 42, APP 290, MPWR 570, ENTG 105, ' +
    'TER 110, LSCC 55, ENPH 63, FSLR 190, TRMB 71, PTC 190, VRSN 182, CDW 178, JKHY 175, ZM 80, DOCU 80, OKTA 75, ' +
    'AKAM 90, FFIV 245, GEN 29, NTAP 122, WDC 65, ZBRA 390, SWKS 85, QRVO 70, HUBS 690, TWLO 100, U 19, GLW 48, ' +
    'MSI 490, TEL 153, KEYS 165, IT 520, FICO 2300, TOST 40',
  communication:
    'META 565, GOOGL 172, GOOG 174, NFLX 830, DIS 112, T 22, VZ 41, TMUS 238, CMCSA 43, SNAP 11, PINS 31, SPOT 465, ' +
    'WBD 10, EA 165, TTWO 185, CHTR 395, RBLX 50, XLC 96, ROKU 72, PARA 11, ' +
    'BIDU 85, NTES 86, TTD 125, SIRI 26, FOXA 46, FOX 43, NWSA 29, NWS 31, MTCH 31, OMC 100, LYV 136, SONY 19',
  consumer:
    'TSLA 320, AMZN 205, HD 405, MCD 295, NKE 77, SBUX 99, LOW 268, BKNG 5000, TJX 120, TGT 150, F 11, GM 56, ABNB 133, ' +
    'UBER 70, LYFT 17, RIVN 10, LULU 320, CMG 60, MAR 282, HLT 250, ROST 142, YUM 135, EBAY 62, ETSY 52, DASH 172, CCL 24, ' +
    'RCL 235, NCLH 26, LVS 51, MGM 38, WYNN 94, XLY 215, ORLY 1205, AZO 3120, BABA 90, PDD 117, JD 36, NIO 5, DHI 165, LEN 172, ' +
    'MELI 1950, EXPE 183, ULTA 360, TSCO 270, POOL 360, HAS 63, MAT 19, DKNG 43, CZR 39, TXRH 195, CROX 98, ' +
    'DRI 165, APTV 55, BBY 88, CVNA 245, GME 27, AMC 4.5, PHM 130, NVR 9200, LCID 2.1, TM 175, CASY 410',
  staples:
    'WMT 84, COST 925, PG 168, KO 63, PEP 162, PM 125, MO 54, MDLZ 66, CL 93, KMB 133, GIS 64, KHC 31, KR 58, STZ 240, ' +
    'MNST 54, KDP 32, HSY 176, SYY 76, EL 65, XLP 80, WBA 9, DG 77, DLTR 66, K 81, TSN 60, ' +
    'CCEP 78, ELF 120, CLX 168, CHD 111, ADM 53, TAP 61, BF.B 41',
  health:
    'UNH 600, JNJ 155, LLY 830, PFE 26, ABBV 200, MRK 100, TMO 555, ABT 117, DHR 240, AMGN 320, BMY 57, GILD 90, CVS 57, ' +
    'CI 320, ISRG 535, MDT 87, VRTX 510, REGN 840, ELV 405, SYK 385, BSX 90, ZTS 178, MRNA 46, HUM 285, MCK 600, HCA 350, ' +
    'BDX 230, XLV 147, BIIB 175, IDXX 430, EW 68, DXCM 75, A 134, IQV 210, GEHC 87, ' +
    'ILMN 145, ALGN 225, INCY 73, TECH 73, VTRS 13, PODD 265, COO 100, HSIC 72, LIVN 52, ALNY 245, BMRN 65, ' +
    'NBIX 125, EXEL 35, NTRA 160, NVO 105, NVS 104, ZBH 110, BAX 33, MTD 1240, WAT 380, RMD 245, CNC 60, COR 245, ' +
    'CAH 120, DVA 160, DGX 162, LH 240',
  finance:
    'JPM 240, BAC 45, WFC 70, C 68, GS 590, MS 132, V 308, MA 525, AXP 290, BLK 1040, SCHW 80, PYPL 84, COF 180, USB 50, ' +
    'PNC 205, TFC 46, BK 76, SPGI 505, CME 228, ICE 156, CB 285, PGR 255, MET 81, AIG 75, COIN 290, HOOD 32, SOFI 13, XLF 49, ' +
    'BRK.B 470, MCO 475, AON 385, MMC 222, AFL 110, TRV 262, ALL 197, PRU 126, FI 215, BX 180, KKR 150, SQ 85, ' +
    'AFRM 68, UPST 75, IBKR 185, LPLA 320, TROW 118, NTRS 108, FITB 47, HBAN 17, ZION 60, PFG 85, CINF 153, ' +
    'ACGL 98, ERIE 415, WTW 315, BRK.A 705000, AJG 300, HIG 120, STT 97, MTB 218, RF 27, KEY 19, CFG 47, SYF 66, ' +
    'ALLY 38, APO 165, MSCI 595, FIS 86, GPN 118, XYZ 88, NDAQ 81, MARA 23, RIOT 12, CLSK 14',
  industry:
    'BA 150, GE 180, CAT 385, HON 228, UPS 134, RTX 120, LMT 555, DE 400, UNP 235, MMM 130, FDX 275, DAL 63, UAL 92, ' +
    'AAL 14, LUV 31, NOC 510, GD 300, ETN 365, ITW 270, EMR 128, WM 222, CSX 36, NSC 270, PH 690, GEV 330, XLI 138, ' +
    'LHX 245, TDG 1280, CARR 76, OTIS 100, JCI 83, CMI 360, PCAR 113, ROK 285, URI 840, ' +
    'CTAS 220, CPRT 57, FAST 82, ODFL 215, VRSK 290, AXON 600, JBLU 6.5, JBHT 185, CHRW 108, EXPD 120, RKLB 22, ' +
    'HWM 115, DOV 203, TT 415, IR 103, XYL 125, AME 195, SWK 88, GWW 1190, PWR 340, RSG 213, VRT 135, EFX 260, ' +
    'PLUG 2.1',
  energy:
    'XOM 120, CVX 158, COP 112, SLB 43, EOG 130, MPC 155, PSX 130, VLO 138, OXY 51, HAL 30, KMI 27, WMB 57, DVN 39, ' +
    'FANG 178, HES 145, BKR 43, OKE 108, XLE 94, APA 23, TRGP 200, CTRA 26, ' +
    'SHEL 65, BP 29',
  materials:
    'LIN 455, FCX 44, NEM 43, APD 318, SHW 380, ECL 248, NUE 150, DOW 46, DD 82, X 40, AA 43, CLF 12, XLB 93, VMC 275, ' +
    'MLM 580, PPG 120, LYB 86, ALB 105, IP 56, CF 86, MOS 27, ' +
    'STLD 140, CTVA 59, BALL 62',
  utilities:
    'NEE 77, DUK 113, SO 88, D 57, AEP 96, EXC 39, SRE 90, XEL 70, PEG 88, ED 98, CEG 230, VST 140, PCG 20, XLU 79, AMT 205, ' +
    'PLD 114, EQIX 900, O 58, SPG 178, CCI 105, PSA 335, WELL 134, DLR 180, AVB 230, XLRE 43, WEC 98, EIX 84, ES 62, ' +
    'SBAC 223, HST 18, REG 74, AGNC 9.6, EVRG 63, LNT 62, ETR 150, DTE 123, PPL 34, AEE 93, CMS 69, NRG 96, ' +
    'AWK 136, EQR 75, VICI 32, IRM 118, CBRE 137',
  crypto:
    'BTC 90000, ETH 3200, SOL 220, XRP 1.1, DOGE 0.38, ADA 0.75, AVAX 36, LINK 15, LTC 88, DOT 5.8, BCH 440, UNI 9, ' +
    'SHIB 0.000025, MATIC 0.44, POL 0.44, ATOM 6.4, XLM 0.2, ETC 27, FIL 4.4, APT 12, ARB 0.75, OP 2, NEAR 5.6, AAVE 165, ' +
    'ALGO 0.25, ICP 9, HBAR 0.12, VET 0.03, SUI 3.6, INJ 27, TIA 5, PEPE 0.00002, BONK 0.00004, TRX 0.2, TON 5.5, BNB 620, ' +
    'MKR 1600, CRV 0.5, COMP 50, SAND 0.38, MANA 0.42, GRT 0.2, XTZ 1, EOS 0.7, ZEC 47, DASH 33, XMR 160, LDO 1.3, STX 2, ' +
    'IMX 1.5, RUNE 5.6, SEI 0.5, WIF 3.3, RNDR 7.6, RENDER 7.6, FET 1.4, JUP 1.1, ENS 18, SNX 1.9, ' +
    'USDT 1, USDC 1, DAI 1',
};

/** What coins are priced in beside dollars. */
const CURRENCIES = 'EUR 1.08, GBP 1.27';

/** How much further down the list of popularity each next name of a sector stands. */
const POPULARITY_STEPS: Readonly<Record<Sector, number>> = {
  technology: 1,
  broad: 1.2,
  consumer: 1.3,
  communication: 1.5,
  crypto: 1.6,
  finance: 2.5,
  health: 3,
  industry: 4,
  energy: 4,
  staples: 4,
  materials: 7,
  utilities: 8,
};

const EQUITY_SECTORS = SECTORS.filter((sector) => sector !== 'broad' && sector !== 'crypto');
/** Coins that are worth a dollar by construction: they hardly move. */
const PEGGED: ReadonlySet<string> = new Set(['USDT', 'USDC', 'DAI']);

const KNOWN = knownNames();

export interface StartPrice {
  readonly price: number;
  /** What one whole share or coin is worth; differs from the price where that is in another currency or coin. */
  readonly dollars: number;
  readonly sector: Sector;
  /** Lower is more popular; unknown symbols come after all known ones, in an order of their own. */
  readonly popularity: number;
  /** Whether it is held near this price by construction. */
  readonly pegged?: boolean;
}

/**
 * @param symbol e.g. `AAPL`, `BTC-USD`, `ETH/BTC`
 * @param group the instrument's group: `crypto` symbols are pairs, the others are priced in dollars
 */
export function startPrice(symbol: string, group: string): StartPrice {
  if (group === 'crypto') return pairPrice(symbol);
  const known = KNOWN.get(symbol);
  if (known !== undefined && known.sector !== 'crypto') return known;
  return unknownPrice(symbol, group === 'us-etf' ? 'broad' : undefined);
}

/** `BTC-USD`, `BTC/USD`, `BTCUSD`: the base's level in dollars, over the quote's where that is not a dollar. */
function pairPrice(symbol: string): StartPrice {
  const parts = symbol.split(/[-/._]/);
  const base = coin(parts[0] ?? symbol) ?? coin((parts[0] ?? symbol).replace(/(USDT|USDC|USD|EUR)$/, ''));
  if (base === undefined) return unknownPrice(symbol, 'crypto');
  const quote = parts[1] === undefined ? undefined : coin(parts[1]);
  return quote === undefined
    ? base
    : { ...base, price: base.price / quote.price, popularity: base.popularity + 100 };
}

function coin(name: string): StartPrice | undefined {
  return KNOWN.get(`crypto ${name}`);
}

function unknownPrice(symbol: string, sector: Sector | undefined): StartPrice {
  const hash = hash32(symbol);
  const exponent = 1 + (1.4 * (hash & 0xffff)) / 0x1_0000;
  const price = 10 ** exponent;
  return {
    price,
    dollars: price,
    sector: sector ?? EQUITY_SECTORS[(hash >>> 16) % EQUITY_SECTORS.length] ?? 'broad',
    popularity: 1_000 + (hash >>> 12),
  };
}

function knownNames(): ReadonlyMap<string, StartPrice> {
  const known = new Map<string, StartPrice>();
  for (const entry of CURRENCIES.split(', ')) {
    const [name = '', price = ''] = entry.split(' ');
    known.set(`crypto ${name}`, {
      price: Number(price),
      dollars: Number(price),
      sector: 'crypto',
      popularity: 0,
    });
  }
  for (const [sector, list] of Object.entries(LEVELS) as [Sector, string][]) {
    for (const [place, entry] of list.split(', ').entries()) {
      const [name = '', price = ''] = entry.split(' ');
      // Coins have a namespace of their own: DASH is a coin and a stock.
      const key = sector === 'crypto' ? `crypto ${name}` : name;
      known.set(key, {
        price: Number(price),
        dollars: Number(price),
        sector,
        popularity: (place + 1) * POPULARITY_STEPS[sector],
        pegged: sector === 'crypto' && PEGGED.has(name),
      });
    }
  }
  return known;
}
